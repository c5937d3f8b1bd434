// SPDX-License-Identifier: Apache-2.0
import type { Instance } from '../../../lib/api/types.ts'
import { setCondition } from '../../../lib/conditions.ts'
import type { Outcome } from '../../../lib/outcome.ts'

/** In their order; the closed list of docs/architecture.md section 4. */
export const STAGES = ['Admitted', 'Scheduled', 'ImageCached', 'NetworkAttached', 'VolumesAttached', 'Booted'] as const
export type Stage = (typeof STAGES)[number]

const REACHED: Record<Stage, string> = {
  Admitted: 'everything that the spec names exists',
  Scheduled: 'a node was chosen',
  ImageCached: 'the image is on the node',
  NetworkAttached: 'all interfaces are plugged',
  VolumesAttached: 'all volumes are attached',
  Booted: 'the machine was started',
}

/** @param reached true, or why not yet */
export function setStage(instance: Instance, stage: Stage, reached: Outcome | true, now: Date): void {
  const status = (instance.status ??= {})
  const { generation } = instance.metadata
  const update =
    reached === true
      ? ({ type: stage, status: 'True', reason: stage, message: REACHED[stage] } as const)
      : reached.kind === 'wait'
        ? ({ type: stage, status: 'False', reason: reached.reason, message: reached.message } as const)
        : undefined
  if (update) status.conditions = setCondition(status.conditions, update, generation, now)
}

/** Drops this stage and all later ones, when the machine leaves its node. */
export function dropStages(instance: Instance, from: Stage): void {
  const dropped: readonly string[] = STAGES.slice(STAGES.indexOf(from))
  const status = (instance.status ??= {})
  status.conditions = (status.conditions ?? []).filter((c) => !dropped.includes(c.type))
}
