// SPDX-License-Identifier: Apache-2.0
import type { ConsoleAccess, Instance } from '../../../lib/api/types.ts'
import { MOST_CONSOLES, type ConsoleGrant } from '../../../lib/contract/documents.ts'
import type { Caches } from '../../kind/row.ts'

/** Who may open the machine's console where it is, in an order that does not change. */
export function listGivenConsoles(
  { metadata, status }: Instance,
  { consoleAccesses }: Pick<Caches, 'consoleAccesses'>,
): ConsoleGrant[] {
  return consoleAccesses
    .listBy('given', metadata.uid)
    .filter((access) => access.status?.node === status?.node && access.status?.epoch === status?.epoch)
    .toSorted((a, b) => (a.metadata.uid < b.metadata.uid ? -1 : 1))
    .slice(0, MOST_CONSOLES)
    .map((access) => ({
      uid: access.metadata.uid,
      tokenSHA256: access.status?.tokenSHA256 ?? '',
      notAfter: access.status?.notAfter ?? '',
      force: access.spec.force ?? false,
      ...typeOf(access),
    }))
}

/** A serial console is what older agents open, which know no types. */
function typeOf({ spec: { type } }: ConsoleAccess): Pick<ConsoleGrant, 'type'> {
  return type === undefined || type === 'Serial' ? {} : { type }
}
