// SPDX-License-Identifier: Apache-2.0
import { networkInterfaces } from 'node:os'
import type { NodeSpec } from '../../lib/contract/documents.ts'
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

  /** @param diskBytes the size of the cache's file system */
  maxCacheBytes(diskBytes: number): number {
    return Math.floor((diskBytes * (this.#told.maxCachePercent ?? DEFAULT_IMAGE_SETTINGS.maxCachePercent)) / 100)
  }

  ownAddresses(): readonly string[] {
    return Object.values(networkInterfaces()).flatMap((addresses) => addresses?.map(({ address }) => address) ?? [])
  }
}
