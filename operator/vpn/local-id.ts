// SPDX-License-Identifier: Apache-2.0
import type { VPNConnection } from '../../lib/api/types.ts'
import { localNameOf } from './certificate.ts'
import { chainOf, type VPNKey } from './key-store.ts'

/** As whom we prove ourselves. @param externalIP the address that the peer is set to */
export function localIDOf({ spec }: VPNConnection, key: VPNKey, externalIP: string): string {
  const certificate = chainOf(key)
  return certificate ? localNameOf(certificate, { localID: spec.localID, externalIP }) : (spec.localID ?? externalIP)
}
