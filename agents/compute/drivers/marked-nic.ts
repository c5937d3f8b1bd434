// SPDX-License-Identifier: Apache-2.0
import type { ObservedNic } from '../../../lib/contract/documents.ts'
import type { NicWant } from '../instance-driver.ts'

/** The part of an interface that goes into a machine's mark. Pure. */
export function toMarkedNic({ mac, portUid, networkUid, network, addresses }: NicWant): ObservedNic {
  return { mac, portUid, networkUid, ...(network === undefined ? {} : { network }), addresses: [...addresses] }
}
