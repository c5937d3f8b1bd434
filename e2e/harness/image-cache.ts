// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathIn } from '../../local/node/node.ts'
import type { TestCloud } from './cloud.ts'
import type { ImageSource } from './objects.ts'

/** Where a node keeps an image's verified bytes, as the host can open it. */
export function cachedPath({ cloud }: TestCloud, node: string, sha256: string): string {
  return pathIn(cloud.node(node), `/var/lib/nephele/images/_base/${sha256}`)
}

export interface ServedImage extends ImageSource {
  content: Buffer
  /** Takes it from the server again. */
  remove(): void
}

/** The guest image with bytes of its own behind it, so that no node has it in its cache, on the cloud's image server. */
export function serveOwnGuest({ images }: TestCloud, name: string): ServedImage {
  const content = Buffer.concat([readFileSync(join(images.dir, 'guest.qcow2')), Buffer.alloc(512, name)])
  const file = join(images.dir, name)
  writeFileSync(file, content)
  const sha256 = createHash('sha256').update(content).digest('hex')
  return { url: `${images.url}/${name}`, sha256, content, remove: () => rmSync(file, { force: true }) }
}
