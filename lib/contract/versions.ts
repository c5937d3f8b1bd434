// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod'

/**
 * Who decided a document, and on what grounds (docs/architecture.md, invariant 6). `incarnation` is the cloud's, raised only by an
 * administrator after a restore; `term` counts the leader Lease's transitions, `epoch` the object's placements; `generation` is the
 * resource's.
 */
export const Versions = z.object({
  incarnation: z.int().min(1),
  term: z.int().min(0),
  epoch: z.int().min(0),
  generation: z.int().min(0),
})
export type Versions = z.infer<typeof Versions>

export type VersionVerdict =
  { ok: true } | { ok: false; reason: 'StaleLeader' | 'StaleEpoch' | 'StaleGeneration'; message: string }

/**
 * Whether a receiver that has acted on `held` may act on `offered`. A newer incarnation takes precedence over everything. Within one, a
 * lower term comes from a stale leader, and an older epoch or generation from a leader that reads a restored store.
 */
export function judgeVersions(held: Versions | undefined, offered: Versions): VersionVerdict {
  if (!held || offered.incarnation > held.incarnation) return { ok: true }
  if (offered.incarnation < held.incarnation || offered.term < held.term) {
    return {
      ok: false,
      reason: 'StaleLeader',
      message: `incarnation ${offered.incarnation}, term ${offered.term} is older than ${held.incarnation}, ${held.term}`,
    }
  }
  if (offered.epoch < held.epoch) {
    return { ok: false, reason: 'StaleEpoch', message: `epoch ${offered.epoch} is older than ${held.epoch}` }
  }
  if (offered.generation < held.generation) {
    return {
      ok: false,
      reason: 'StaleGeneration',
      message: `generation ${offered.generation} is older than ${held.generation}`,
    }
  }
  return { ok: true }
}
