// SPDX-License-Identifier: Apache-2.0
import type { Image } from '../../../lib/api/types.ts'
import type { ImageDocument } from '../../../lib/contract/documents.ts'
import { headerOf, type WriterVersions } from '../../placed/document-header.ts'

/**
 * The same for every node, so that the image and instance controllers publish the same: with the digest as soon as it is known. All nodes
 * download from the source and check the digest. An imported digest wins over the spec's: machines are built on it.
 */
export function imageDocument(image: Image, node: string, writer: WriterVersions): ImageDocument {
  const { url, caBundle } = image.spec.source.http
  const imported = image.status?.sha256
  const sha256 = imported ?? image.spec.sha256
  return {
    ...headerOf(image, node, image.status?.epoch ?? 0, writer),
    kind: 'image',
    tombstone: false,
    spec: {
      url,
      ...(caBundle === undefined ? {} : { caBundle }),
      ...(sha256 === undefined ? {} : { sha256 }),
      ...(imported === undefined ? {} : { imported: true }),
      format: image.spec.format,
    },
  }
}
