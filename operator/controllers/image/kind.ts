// SPDX-License-Identifier: Apache-2.0
import type { Image } from '../../../lib/api/types.ts'
import type { KindRow, Reference } from '../../kind/row.ts'

/** The node that imports, or imported, the image. */
const importNode: Reference<Image, 'computeNodes'> = {
  to: 'computeNodes',
  refs: ({ status }) =>
    status?.importNode === undefined ? [] : [{ ref: { name: status.importNode }, field: 'status.importNode' }],
}

export const imageKind: KindRow<Image> = {
  references: { importNode },
  indexes: {
    /** `true`: the image waits for a node that can import it, or is being deleted and may wait for any node. */
    unplaced: ({ status, metadata }) =>
      status?.importNode === undefined || metadata.deletionTimestamp !== undefined ? ['true'] : [],
  },
  document: 'image',
}
