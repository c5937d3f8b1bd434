// SPDX-License-Identifier: Apache-2.0
import type { Volume } from '../../../lib/api/types.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { findHand, type HandsDeps } from './hands.ts'

/** Reason of a volume that waits because a node reports it on a machine that was not given it. */
export const VOLUME_CLAIMED = 'VolumeClaimed'

/** Volumes no longer held back by any report. To be checked whenever a report or a node goes, as nothing says which volumes it named. */
export function listFreed(deps: HandsDeps & Pick<OperatorDeps, 'claimedVolumes'>): Volume[] {
  const claimed = [...deps.claimedVolumes].flatMap((key) => deps.caches.volumes.findByKey(key) ?? [])
  return claimed.filter((volume) => findHand(volume, deps)?.isGiven !== false)
}
