// SPDX-License-Identifier: Apache-2.0
import type { ObservedNic } from '../../../lib/contract/documents.ts'
import type { NicWant } from '../instance-driver.ts'

/** What a machine's mark keeps of an interface. Pure. */
export function toMarkedNic({ mac, portUid, networkUid, network, addresses }: NicWant): ObservedNic {
  return { mac, portUid, networkUid, ...(network === undefined ? {} : { network }), addresses: [...addresses] }
}
