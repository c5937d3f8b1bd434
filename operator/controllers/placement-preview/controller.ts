// SPDX-License-Identifier: Apache-2.0
import { PLACEMENT_PREVIEW } from '../../../lib/api/kinds.ts'
import type { PlacementPreview } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { watchOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { readinessOfQuestion } from '../common/finished.ts'
import { describeAnswer } from './describe.ts'
import { reconcilePlacementPreview } from './reconcile.ts'

export function placementPreviewController(
  deps: OperatorDeps,
  informers: OperatorInformers,
): ControllerDefinition<PlacementPreview> {
  return {
    name: 'placement-preview',
    kind: PLACEMENT_PREVIEW,
    watches: [
      // One that is broken, or not there, is named by a Flavor.
      watchOf(informers.schedulerProfiles, () =>
        deps.caches.placementPreviews.listBy('unanswered', 'true').map(keyOfObject),
      ),
    ],
    // Each takes as much of the leader's time as it may (pace.ts).
    concurrency: 1,
    reconcile: (preview, run) => reconcilePlacementPreview(preview, deps, run),
    readiness: (preview, result) => readinessOfQuestion(preview, result, () => describeAnswer(preview)),
  }
}
