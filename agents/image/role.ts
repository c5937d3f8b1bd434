// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'
import type { Logger } from '../../lib/log.ts'
import { ImageCache, type ImageCacheOptions } from './cache.ts'
import { ImageReconciler } from './image-reconciler.ts'
import { DEFAULT_SOURCE_LIMITS, type SourceLimits } from './source.ts'

export interface ImageRoleOptions {
  /** `/var/lib/nephele` */
  dataDir: string
  log: Logger
  limits?: Partial<SourceLimits>
  cache?: Partial<Pick<ImageCacheOptions, 'maxImageBytes' | 'maxCacheBytes' | 'keepFreeBytes' | 'parallelDownloads'>>
}

export interface ImageRole {
  reconcilers: [ImageReconciler]
  /** Where compute finds an image that its document's observation calls ready: `basePath(baseDir, sha256)` of cache-entries.ts. */
  baseDir: string
}

const GIB = 2 ** 30

/** Both for nodes that import images and for nodes that run machines from them: the work is the same. Touches nothing yet. */
export function createImageRole(options: ImageRoleOptions): ImageRole {
  const baseDir = join(options.dataDir, 'images', '_base')
  const cache = new ImageCache({
    baseDir,
    instancesDir: join(options.dataDir, 'instances'),
    maxImageBytes: 512 * GIB,
    maxCacheBytes: Number.MAX_SAFE_INTEGER,
    keepFreeBytes: 2 * GIB,
    parallelDownloads: 4,
    ...options.cache,
    limits: { ...DEFAULT_SOURCE_LIMITS, ...options.limits },
    log: options.log,
  })
  return { reconcilers: [new ImageReconciler(cache, options.log)], baseDir }
}
