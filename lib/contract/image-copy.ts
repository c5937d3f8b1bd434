// SPDX-License-Identifier: Apache-2.0
// What a node of an ImageStore keeps, and from whom nodes take files of images (docs/decisions/0079).
import { z } from 'zod'
import { sha256 } from './fields.ts'

/** Where agents serve files of images to other nodes. Beside the ports of volumes, below the kernel's range for outgoing connections. */
export const IMAGE_PORT = 10899

/** No node has it now (RFC 2606): neither asked for nor found. */
export const NOWHERE = 'nowhere.invalid'

/** A node that may read a file, and the fingerprint of the key that it shows: the one with which it opens volumes. */
export const ImageReader = z.looseObject({ node: z.string().max(253), key: z.string().regex(/^[0-9a-f]{40}$/) })
export type ImageReader = z.infer<typeof ImageReader>

/** Named by the UID of its Image, as its file is. */
export const ImageCopySpec = z.looseObject({
  /** Name of the ImageStore, which the node has in its own document. */
  store: z.string().max(253),
  sha256,
  sizeBytes: z.int().min(1),
  format: z.enum(['raw', 'qcow2']),
  /** A node that has it, and where; `NOWHERE`: no node at present. Absent: the node itself has it, as it has said. */
  from: z.looseObject({ node: z.string().max(253), url: z.url({ protocol: /^https$/ }) }).optional(),
  readers: z.array(ImageReader).max(2048),
})
export type ImageCopySpec = z.infer<typeof ImageCopySpec>
