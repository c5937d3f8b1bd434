// SPDX-License-Identifier: Apache-2.0
import { FINALIZER, INSTANCE } from '../../../lib/api/kinds.ts'
import type { Instance } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { watchOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import { STAGE_SETTLE_MS } from '../common/stage-settle.ts'
import { withNetworkCause } from '../common/network-cause.ts'
import { macKeysOf } from '../port/kind.ts'
import type { OperatorDeps } from '../common/deps.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import { keyOf } from '../../kind/references.ts'
import { instanceReadiness } from './readiness.ts'
import { reconcileInstance } from './reconcile.ts'

export function instanceController(deps: OperatorDeps, informers: OperatorInformers): ControllerDefinition<Instance> {
  const { instances } = deps.caches
  const keysBy = (index: string, value: string) => instances.listBy(index, value).map(keyOfObject)
  return {
    name: 'instance',
    kind: INSTANCE,
    finalizer: FINALIZER,
    watches: [
      watchOf(informers.subnets, ({ spec, metadata }) => keysBy('network', keyOf(spec.networkRef, metadata.namespace))),
      // It may have had, or have got, the MAC that they ask for.
      watchOf(informers.ports, (port) => macKeysOf(port).flatMap((mac) => keysBy('unplacedMac', mac))),
    ],
    concurrency: 16,
    settleMs: STAGE_SETTLE_MS,
    // What was changed of a machine that is there: to be stopped, most of all.
    isUrgent: ({ metadata, status }) => status?.node !== undefined && status.observedGeneration !== metadata.generation,
    reconcile: async (instance, run) => withNetworkCause(await reconcileInstance(instance, deps, run), deps.network),
    errorState: 'ERROR',
    readiness: instanceReadiness,
    forget(key, instance) {
      // Its claim: operator/leadership/follow-caches.ts.
      deps.userData.forget(instance.metadata.uid)
      deps.waitingRoom.leave(key)
    },
  }
}
