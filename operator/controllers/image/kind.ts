// SPDX-License-Identifier: Apache-2.0
import type { Image } from '../../../lib/api/types.ts'
import type { KindRow, Reference } from '../../kind/row.ts'

/** The node that imports it, or did. */
const importNode: Reference<Image, 'computeNodes'> = {
  to: 'computeNodes',
  refs: ({ status }) =>
    status?.importNode === undefined ? [] : [{ ref: { name: status.importNode }, field: 'status.importNode' }],
}

export const imageKind: KindRow<Image> = {
  references: { importNode },
  indexes: {
    /** `true`: waits for a node that could import it, or is being deleted and may wait for any node. */
    unplaced: ({ status, metadata }) =>
      status?.importNode === undefined || metadata.deletionTimestamp !== undefined ? ['true'] : [],
  },
  document: 'image',
}
