// SPDX-License-Identifier: Apache-2.0
import type { Trunk } from '../../../lib/api/types.ts'
import type { KindRow, NamedRef, Reference } from '../../kind/row.ts'
import { oneOf } from '../../quota/quota-use.ts'

/** The Port of the interface. Once it is the Trunk's, it stays so while it is being deleted: it is held. */
export const parent: Reference<Trunk, 'ports'> = {
  to: 'ports',
  refs: ({ spec }) => [{ ref: spec.portRef, field: 'spec.portRef' }],
  isKept: ({ status }, { metadata }) => status?.parentUID === metadata.uid,
  holds: ({ status }) => status?.parentUID !== undefined,
}

/** The Ports that it asks for. */
export const subport: Reference<Trunk, 'ports'> = {
  to: 'ports',
  refs: ({ spec }) =>
    (spec.subports ?? []).map(({ portRef }, i) => ({ ref: portRef, field: `spec.subports[${i}].portRef` })),
  isKept: (trunk, { metadata }) => hasSubport(trunk, metadata.uid),
}

/** Those that it has: a Port that it was refused can go. */
const given: Reference<Trunk, 'ports'> = {
  to: 'ports',
  refs: ({ status }) =>
    (status?.subports ?? []).map(({ port }, i): NamedRef => ({
      ref: { name: port },
      field: `status.subports[${i}].port`,
    })),
  holds: () => true,
}

export function hasSubport({ status }: Trunk, portUid: string): boolean {
  return status?.subports?.some(({ portUID }) => portUID === portUid) === true
}

export const trunkKind: KindRow<Trunk> = {
  quota: oneOf('trunks'),
  references: { parent, subport, given },
  indexes: {
    /** UID of the Port that is its parent. */
    parentUID: ({ status }) => (status?.parentUID === undefined ? [] : [status.parentUID]),
    /** UIDs of the Ports that are its subports. */
    subportUID: ({ status }) => (status?.subports ?? []).map(({ portUID }) => portUID),
  },
}
