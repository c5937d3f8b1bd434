// SPDX-License-Identifier: Apache-2.0
import type { StoragePool, Volume } from '../../../lib/api/types.ts'
import type { VolumeDocument } from '../../../lib/contract/documents.ts'
import type { Caches } from '../../kind/row.ts'
import { headerOf, type WriterVersions } from '../../placed/document-header.ts'
import { grantedOf } from './granted-size.ts'

/** raw: sparse files that any tool can read, with no header that a guest could write. */
const FORMAT = 'raw'

export function volumeDocument(
  volume: Volume,
  pool: StoragePool,
  holder: VolumeHolder | undefined,
  writer: WriterVersions,
): VolumeDocument {
  const { node = '', epoch = 0 } = volume.status ?? {}
  return {
    ...headerOf(volume, node, epoch, writer),
    kind: 'volume',
    tombstone: false,
    spec: {
      pool: pool.metadata.name,
      driver: pool.spec.driver,
      sizeGiB: grantedOf(volume),
      format: FORMAT,
      exportTo: holder ? [holder.node] : [],
      ...(holder?.key === undefined ? {} : { exportKeys: { [holder.node]: holder.key } }),
    },
  }
}

export interface VolumeHolder {
  node: string
  key: string | undefined
}

/**
 * The node whose machines may open the volume. Never one that is confirmed lost, whatever it still holds: its certificate stays valid, and
 * this makes it useless.
 */
export function findHolder(
  { status }: Pick<Volume, 'status'>,
  caches: Pick<Caches, 'computeNodes'>,
): VolumeHolder | undefined {
  const node = status?.attachedTo?.node
  if (node === undefined) return undefined
  const computeNode = caches.computeNodes.find(undefined, node)
  if (computeNode?.spec.lost !== undefined) return undefined
  return { node, key: computeNode?.status?.volumeKey }
}
