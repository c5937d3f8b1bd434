// SPDX-License-Identifier: Apache-2.0
import { FINALIZER, INSTANCE } from '../../../lib/api/kinds.ts'
import type { Instance } from '../../../lib/api/types.ts'
import type { ControllerDefinition } from '../../../lib/loop/controller.ts'
import { STAGE_SETTLE_MS } from '../common/stage-settle.ts'
import { withNetworkCause } from '../common/network-cause.ts'
import type { OperatorDeps } from '../common/deps.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import { instanceReadiness } from './readiness.ts'
import { reconcileInstance } from './reconcile.ts'
import { instanceSources, instanceWatches } from './wakes.ts'

export function instanceController(deps: OperatorDeps, informers: OperatorInformers): ControllerDefinition<Instance> {
  return {
    name: 'instance',
    kind: INSTANCE,
    finalizer: FINALIZER,
    watches: instanceWatches(deps, informers),
    sources: instanceSources(deps),
    concurrency: 16,
    settleMs: STAGE_SETTLE_MS,
    // A changed spec of a placed machine; the case that matters most is a request to stop it.
    isUrgent: ({ metadata, status }) => status?.node !== undefined && status.observedGeneration !== metadata.generation,
    reconcile: async (instance, run) => withNetworkCause(await reconcileInstance(instance, deps, run), deps.network),
    errorState: 'ERROR',
    readiness: instanceReadiness,
    forget(key, instance) {
      // Its claim is dropped in operator/leadership/follow-caches.ts.
      deps.userData.forget(instance.metadata.uid)
      deps.waitingRoom.leave(key)
    },
  }
}
