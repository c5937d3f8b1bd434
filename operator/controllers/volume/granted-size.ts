// SPDX-License-Identifier: Apache-2.0
import type { Volume } from '../../../lib/api/types.ts'

/**
 * The size that the volume may have: what its pool promised it, and what it has. Where neither is known it was placed by 0.1.0 and told its
 * node the size in its spec.
 */
export function grantedOf({ spec, status }: Volume): number {
  return Math.max(status?.grantedGiB ?? 0, status?.sizeGiB ?? 0) || spec.sizeGiB
}

/** Placed, and waits for room to grow. */
export function isGrowing(volume: Volume): boolean {
  return volume.status?.node !== undefined && volume.spec.sizeGiB > grantedOf(volume)
}
