// SPDX-License-Identifier: Apache-2.0
import type { Volume } from '../../../lib/api/types.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { findHand, type HandsDeps } from './hands.ts'

/** Why a volume waits that a node claims for a machine which was not given it. */
export const VOLUME_CLAIMED = 'VolumeClaimed'

/** Volumes held back by a report that no node makes any more: when a report or a node goes, no volume is told that it was named there. */
export function listFreed(deps: HandsDeps & Pick<OperatorDeps, 'claimedVolumes'>): Volume[] {
  const claimed = [...deps.claimedVolumes].flatMap((key) => deps.caches.volumes.findByKey(key) ?? [])
  return claimed.filter((volume) => findHand(volume, deps)?.isGiven !== false)
}
