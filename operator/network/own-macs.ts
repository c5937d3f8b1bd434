// SPDX-License-Identifier: Apache-2.0
// MAC addresses of what the network does for its users, derived from UIDs so that they stay the same wherever they are computed.
import { metadataMac } from '../../lib/contract/metadata-port.ts'

/** Of a router on its external network. */
export function gatewayMac(routerUid: string): string {
  return metadataMac(`gateway-${routerUid}`)
}

/** Of a floating IP that the node of its port answers for. */
export function floatingMac(floatingIPUid: string): string {
  return metadataMac(`floating-${floatingIPUid}`)
}
