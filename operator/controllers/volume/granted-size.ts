// SPDX-License-Identifier: Apache-2.0
import type { Volume } from '../../../lib/api/types.ts'

/**
 * The size that the volume may have: the larger of what its pool granted and what it has. If neither is known it was placed by version
 * 0.1.0, which told the node the size in the spec.
 */
export function grantedOf({ spec, status }: Volume): number {
  return Math.max(status?.grantedGiB ?? 0, status?.sizeGiB ?? 0) || spec.sizeGiB
}

/** Whether the volume is placed and asks for more than it was granted. */
export function isGrowing(volume: Volume): boolean {
  return volume.status?.node !== undefined && volume.spec.sizeGiB > grantedOf(volume)
}
