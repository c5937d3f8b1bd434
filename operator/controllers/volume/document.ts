// SPDX-License-Identifier: Apache-2.0
import type { StoragePool, Volume } from '../../../lib/api/types.ts'
import type { VolumeDocument } from '../../../lib/contract/documents.ts'
import { headerOf, type WriterVersions } from '../common/documents.ts'

/** raw: sparse files whose size is their content's, readable by any tool, and with no header that a guest could write. */
const FORMAT = 'raw'

export function volumeDocument(volume: Volume, pool: StoragePool, writer: WriterVersions): VolumeDocument {
  const { node = '', epoch = 0, attachedTo } = volume.status ?? {}
  return {
    ...headerOf(volume, node, epoch, writer),
    kind: 'volume',
    tombstone: false,
    spec: {
      pool: pool.metadata.name,
      driver: pool.spec.driver,
      sizeGiB: volume.spec.sizeGiB,
      format: FORMAT,
      exportTo: attachedTo?.node === undefined ? [] : [attachedTo.node],
    },
  }
}
