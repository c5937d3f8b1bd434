// SPDX-License-Identifier: Apache-2.0
import type { DesiredDocument, ObservedNic } from '../../lib/contract/documents.ts'

/**
 * The interface that a port's document gives its machine; undefined of other kinds.
 * @param before what lay there: a tombstone does not say what is to go
 */
export function nicOf(document: DesiredDocument, before?: ObservedNic): ObservedNic | undefined {
  if (document.kind !== 'port') return undefined
  if (document.tombstone) return before
  const { mac, networkUid, network, fixedIPs } = document.spec
  return {
    ...{ mac, portUid: document.uid, networkUid },
    ...(network === undefined ? {} : { network }),
    addresses: fixedIPs.map(({ address }) => address),
  }
}
