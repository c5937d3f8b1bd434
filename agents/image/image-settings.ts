// SPDX-License-Identifier: Apache-2.0
import { networkInterfaces } from 'node:os'
import type { ImageSpec, NodeSpec } from '../../lib/contract/documents.ts'
import type { AddressPolicy } from './allowed-addresses.ts'

const GIB = 2 ** 30

/** The defaults in the Cloud's schema, for operators that do not send them. A test keeps both in step. */
export const DEFAULT_IMAGE_SETTINGS = { maxSizeGiB: 64, maxCachePercent: 50 }

/** The Cloud's settings for images, as last received by this node. */
export class ImageSettings implements AddressPolicy {
  #told: NonNullable<NodeSpec['images']> = {}

  /** @returns whether they changed: images that were refused may be accepted now */
  tell(images: NodeSpec['images']): boolean {
    const before = JSON.stringify(this.#told)
    this.#told = images ?? {}
    return JSON.stringify(this.#told) !== before
  }

  get allowedNetworks(): readonly string[] {
    return this.#told.allowedNetworks ?? []
  }

  get maxImageBytes(): number {
    return (this.#told.maxSizeGiB ?? DEFAULT_IMAGE_SETTINGS.maxSizeGiB) * GIB
  }

  /**
   * The most that is read of one image. The limit is for web servers: what another node hands over is the cloud's own, it has a digest, and was counted when
   * it was taken; the cache's own limit holds for it too.
   */
  maxBytesOf({ peer, sha256 }: Pick<ImageSpec, 'peer' | 'sha256'>): number {
    return peer !== undefined && sha256 !== undefined ? Number.MAX_SAFE_INTEGER : this.maxImageBytes
  }

  /** @param diskBytes the size of the cache's file system */
  maxCacheBytes(diskBytes: number): number {
    return Math.floor((diskBytes * (this.#told.maxCachePercent ?? DEFAULT_IMAGE_SETTINGS.maxCachePercent)) / 100)
  }

  ownAddresses(): readonly string[] {
    return Object.values(networkInterfaces()).flatMap((addresses) => addresses?.map(({ address }) => address) ?? [])
  }
}
