// SPDX-License-Identifier: Apache-2.0
import type { ObservedNic, PortDocument } from '../../lib/contract/documents.ts'

/** The interface that a port's document gives a machine, as the node reports it. Pure. */
export function toObservedNic({ uid, spec }: PortDocument): ObservedNic {
  const { mac, networkUid, network, fixedIPs } = spec
  return {
    mac,
    portUid: uid,
    networkUid,
    ...(network === undefined ? {} : { network }),
    addresses: fixedIPs.map(({ address }) => address),
  }
}
