// SPDX-License-Identifier: Apache-2.0
import { QUOTA } from '../../../lib/api/kinds.ts'
import type { Quota } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { ControllerDefinition, Source } from '../../../lib/loop/controller.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { quotaReadiness, reconcileQuota } from './reconcile.ts'

/** How long changes are gathered: a Quota's status is written at most once in that time, however much is made. */
const GATHER_MS = 1_000

export function quotaController(deps: OperatorDeps): ControllerDefinition<Quota> {
  return {
    name: 'quota',
    kind: QUOTA,
    sources: [changesOf(deps)],
    reconcile: async (quota) => reconcileQuota(quota, deps),
    readiness: quotaReadiness,
  }
}

/** A key that waits already keeps its time, so that a busy namespace is written too. */
function changesOf({ quotas, caches }: Pick<OperatorDeps, 'quotas' | 'caches'>): Source {
  return ({ enqueue }) =>
    quotas.onChange((namespace) => {
      for (const quota of caches.quotas.listBy('namespace', namespace)) enqueue(keyOfObject(quota), GATHER_MS)
    })
}
