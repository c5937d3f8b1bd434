// SPDX-License-Identifier: Apache-2.0
import type { Volume } from '../../../lib/api/types.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { findHand, type HandsDeps } from './hands.ts'

/** Why a volume waits that a node claims for a machine which was not given it. */
export const VOLUME_CLAIMED = 'VolumeClaimed'

/** Volumes that wait for a node's word which nobody says any more: words and nodes tell no volume that it was in them. */
export function listFreed(deps: HandsDeps & Pick<OperatorDeps, 'claimedVolumes'>): Volume[] {
  const claimed = [...deps.claimedVolumes].flatMap((key) => deps.caches.volumes.findByKey(key) ?? [])
  return claimed.filter((volume) => findHand(volume, deps)?.isGiven !== false)
}
