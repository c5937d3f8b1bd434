// SPDX-License-Identifier: Apache-2.0
import type { Volume } from '../../../lib/api/types.ts'
import type { KindRow, Reference } from '../../kind/row.ts'

const node: Reference<Volume, 'computeNodes'> = {
  to: 'computeNodes',
  refs: ({ status }) => (status?.node === undefined ? [] : [{ ref: { name: status.node }, field: 'status.node' }]),
  holds: () => true,
}

const pool: Reference<Volume, 'storagePools'> = {
  to: 'storagePools',
  refs: ({ status }) => (status?.pool === undefined ? [] : [{ ref: { name: status.pool }, field: 'status.pool' }]),
  holds: () => true,
}

export const volumeKind: KindRow<Volume> = {
  references: { node, pool },
  indexes: {
    /** The empty name stands for the default type. */
    type: ({ spec }) => [spec.volumeTypeRef?.name ?? ''],
    attachedTo: ({ status }) => (status?.attachedTo ? [status.attachedTo.uid] : []),
    /** The node of the machine that has it. */
    usedOn: ({ status }) => (status?.attachedTo?.node === undefined ? [] : [status.attachedTo.node]),
  },
  document: 'volume',
}
