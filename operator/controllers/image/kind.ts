// SPDX-License-Identifier: Apache-2.0
import type { Image } from '../../../lib/api/types.ts'
import type { KindRow, Reference } from '../../kind/row.ts'
import { NOTHING } from '../../quota/amounts.ts'
import { isLetIn } from '../../quota/quota-use.ts'

/** The node that imports, or imported, the image. */
const importNode: Reference<Image, 'computeNodes'> = {
  to: 'computeNodes',
  refs: ({ status }) =>
    status?.importNode === undefined ? [] : [{ ref: { name: status.importNode }, field: 'status.importNode' }],
}

export const imageKind: KindRow<Image> = {
  // How large it is is known once it is here: it is let in while there is room for one byte.
  quota: {
    needs: () => ({ images: 1, imageBytes: 1 }),
    has: (image) => (isLetIn(image) ? { images: 1, imageBytes: image.status?.sizeBytes ?? 1 } : NOTHING),
  },
  references: { importNode },
  indexes: {
    /** `true`: the image waits for a node that can import it, or is being deleted and may wait for any node. */
    unplaced: ({ status, metadata }) =>
      status?.importNode === undefined || metadata.deletionTimestamp !== undefined ? ['true'] : [],
  },
  document: 'image',
  // Each node that has a machine of it reports its copy: a run for each, which looks at all that have one, would cost by their square.
  heeds: ({ status, metadata }, node) => metadata.deletionTimestamp !== undefined || status?.importNode === node,
}
