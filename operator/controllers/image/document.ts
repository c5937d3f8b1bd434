// SPDX-License-Identifier: Apache-2.0
import type { Image } from '../../../lib/api/types.ts'
import type { ImageDocument, ImageCopyDocument, ImageReader } from '../../../lib/contract/documents.ts'
import { headerOf, type WriterVersions } from '../../placed/document-header.ts'
import { sourceOf, type SourceCaches } from './source-of.ts'

/**
 * The same for every node, so that the image and instance controllers publish the same: with the digest as soon as it is known. All nodes
 * download from the source and check the digest. An imported digest wins over the spec's: machines are built on it.
 */
export function imageDocument(
  image: Image,
  node: string,
  writer: WriterVersions,
  /** Absent: of one from a web server. */
  caches?: SourceCaches,
): ImageDocument {
  const imported = image.status?.sha256
  const sha256 = imported ?? image.spec.sha256
  return {
    ...headerOf(image, node, image.status?.epoch ?? 0, writer),
    kind: 'image',
    tombstone: false,
    spec: {
      ...sourceOf(image, node, caches),
      ...(sha256 === undefined ? {} : { sha256 }),
      ...(imported === undefined ? {} : { imported: true }),
      format: image.spec.format,
    },
  }
}

export interface CopyFacts {
  node: string
  epoch: number
  store: string
  sha256: string
  sizeBytes: number
  /** Absent where it has it. */
  from?: { node: string; url: string } | undefined
  readers: ImageReader[]
}

/** What a node of its store keeps of it. */
export function imageCopyDocument(
  image: Image,
  { node, epoch, store, sha256, sizeBytes, from, readers }: CopyFacts,
  writer: WriterVersions,
): ImageCopyDocument {
  return {
    ...headerOf(image, node, epoch, writer),
    kind: 'imagecopy',
    tombstone: false,
    spec: { store, sha256, sizeBytes, format: image.spec.format, ...(from ? { from } : {}), readers },
  }
}
