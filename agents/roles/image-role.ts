// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'
import type { NodeSpec } from '../../lib/contract/documents.ts'
import type { Logger } from '../../lib/log.ts'
import type { InventorySource } from '../node/role.ts'
import { ImageCache, type ImageCacheOptions } from '../image/image-cache.ts'
import { ImageReconciler } from '../image/image-reconciler.ts'
import { ImageSettings } from '../image/image-settings.ts'
import { readPeerCredentials, type PeerFiles } from '../transfer/peer-files.ts'
import { DEFAULT_SOURCE_LIMITS, type SourceLimits } from '../image/source.ts'

export interface ImageRoleOptions {
  /** `/var/lib/nephele` */
  dataDir: string
  log: Logger
  /** Absent: nothing is read from other nodes. */
  peer?: PeerFiles
  limits?: Partial<SourceLimits>
  settings?: ImageSettings
  /** For metrics. Default: the cache as it is. */
  measure?: (cache: ImageCache) => ImageCache
  cache?: Partial<Pick<ImageCacheOptions, 'keepFreeBytes' | 'parallelDownloads'>>
}

export interface ImageRole {
  reconcilers: [ImageReconciler]
  inventory: [InventorySource]
  configure: (spec: NodeSpec) => Promise<void>
  /** Where the compute role finds an image that is reported as ready: `basePath(baseDir, sha256)` of cache-entries.ts. */
  baseDir: string
}

const GIB = 2 ** 30

/** The same for nodes that import images and for nodes that run machines from them. Touches no disk yet. */
export function createImageRole(options: ImageRoleOptions): ImageRole {
  const baseDir = join(options.dataDir, 'images', '_base')
  const { peer } = options
  const settings = options.settings ?? new ImageSettings()
  const { measure = (images: ImageCache) => images } = options
  const whole = new ImageCache({
    baseDir,
    instancesDir: join(options.dataDir, 'instances'),
    settings,
    keepFreeBytes: 2 * GIB,
    parallelDownloads: 4,
    ...(peer ? { readPeer: () => readPeerCredentials(peer) } : {}),
    ...options.cache,
    limits: { ...DEFAULT_SOURCE_LIMITS, ...options.limits },
    log: options.log,
  })
  const cache = measure(whole)
  const reconciler = new ImageReconciler(cache, options.log)
  return {
    reconcilers: [reconciler],
    inventory: [{ name: 'images', collect: async (signal) => ({ imageCache: toGiB(await cache.usage(signal)) }) }],
    configure: async ({ images }) => {
      if (settings.tell(images)) reconciler.settingsChanged()
    },
    baseDir,
  }
}

/** In whole GiB: an inventory is published whenever it differs from the last. */
function toGiB({ images, usedBytes, maxBytes }: { images: number; usedBytes: number; maxBytes: number }) {
  return { images, usedGiB: Math.round(usedBytes / GIB), maxGiB: Math.floor(maxBytes / GIB) }
}
