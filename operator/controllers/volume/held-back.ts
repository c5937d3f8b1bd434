// SPDX-License-Identifier: Apache-2.0
import type { Volume } from '../../../lib/api/types.ts'
import { findHand, type HandsDeps } from './hands.ts'

/** Why a volume waits that a node claims for a machine which was not given it. */
export const VOLUME_CLAIMED = 'VolumeClaimed'

/** Volumes that wait for a node's word which nobody says any more: words and nodes tell no volume that it was in them. */
export function listFreed(deps: HandsDeps): Volume[] {
  return deps.caches.volumes.listBy('claimed', 'true').filter((volume) => findHand(volume, deps)?.isGiven !== false)
}
