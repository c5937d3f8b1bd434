// SPDX-License-Identifier: Apache-2.0
import type { ComputeNode, Image } from '../../../lib/api/types.ts'
import type { KindRow, Reference } from '../../kind/row.ts'
import { NOTHING } from '../../quota/amounts.ts'
import { isLetIn } from '../../quota/quota-use.ts'

/** The node that imports, or imported, the image. */
const importNode: Reference<Image, 'computeNodes'> = {
  to: 'computeNodes',
  refs: ({ status }) =>
    status?.importNode === undefined ? [] : [{ ref: { name: status.importNode }, field: 'status.importNode' }],
}

/** Whose bytes it keeps, or is to. */
const copyNodes: Reference<Image, 'computeNodes'> = {
  to: 'computeNodes',
  refs: ({ status }) =>
    (status?.copies ?? []).map(({ node }, i) => ({ ref: { name: node }, field: `status.copies[${i}]` })),
  holds: () => true,
  wakes: isOtherPeer,
}

/** Does the change of a node matter to those that fetch from it, or that it fetches from? */
export function isOtherPeer(old: ComputeNode, now: ComputeNode): boolean {
  return (
    old.spec.lost !== now.spec.lost ||
    old.status?.volumeKey !== now.status?.volumeKey ||
    old.status?.inventory?.address !== now.status?.inventory?.address
  )
}

const store: Reference<Image, 'imageStores'> = {
  to: 'imageStores',
  refs: ({ spec }) =>
    spec.source.snapshot
      ? [{ ref: spec.source.snapshot.imageStoreRef, field: 'spec.source.snapshot.imageStoreRef' }]
      : [],
  isKept: ({ status }) => (status?.copies ?? []).length > 0,
  holds: ({ status }) => (status?.copies ?? []).length > 0,
}

/** What makes it; nothing of it matters once it is made. */
const writer: Reference<Image, 'instanceActions'> = {
  to: 'instanceActions',
  refs: ({ spec, status }) =>
    spec.source.snapshot && status?.sha256 === undefined
      ? [
          {
            ref: { name: spec.source.snapshot.instanceActionRef.name },
            field: 'spec.source.snapshot.instanceActionRef',
          },
        ]
      : [],
}

export const imageKind: KindRow<Image> = {
  // How large it is is known once it is here: it is let in while there is room for one byte.
  quota: {
    needs: () => ({ images: 1, imageBytes: 1 }),
    has: (image) => (isLetIn(image) ? { images: 1, imageBytes: image.status?.sizeBytes ?? 1 } : NOTHING),
  },
  references: { importNode, copyNodes, store, writer },
  indexes: {
    /** `true`: the image waits for a node that can import it, or is being deleted and may wait for any node. */
    unplaced: ({ spec, status, metadata }) =>
      (status?.importNode === undefined && spec.source.snapshot === undefined) ||
      metadata.deletionTimestamp !== undefined
        ? ['true']
        : [],
  },
  document: 'image',
  alsoDocument: 'imagecopy',
  // Each node that has a machine of it reports its copy: a run for each, which looks at all that have one, would cost by their square.
  heeds: ({ status, metadata }, node) => metadata.deletionTimestamp !== undefined || status?.importNode === node,
}
