// SPDX-License-Identifier: Apache-2.0
import { FINALIZER, INSTANCE } from '../../../lib/api/kinds.ts'
import type { Instance } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { watchOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import { guarded, STAGE_SETTLE_MS } from '../common/definition.ts'
import { withNetworkCause } from '../common/network-cause.ts'
import { portIndexes } from '../common/indexes.ts'
import type { OperatorDeps, OperatorInformers } from '../common/deps.ts'
import { keyOf } from '../common/references.ts'
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
      watchOf(informers.flavors, ({ metadata }) => keysBy('flavor', metadata.name)),
      watchOf(informers.images, (image) => keysBy('image', keyOfObject(image))),
      watchOf(informers.keyPairs, (keyPair) => keysBy('keyPair', keyOfObject(keyPair))),
      watchOf(informers.networks, (network) => keysBy('network', keyOfObject(network))),
      watchOf(informers.subnets, ({ spec, metadata }) => keysBy('network', keyOf(spec.networkRef, metadata.namespace))),
      watchOf(informers.ports, (port) => [
        ...keysBy('port', keyOfObject(port)),
        // It may have had, or have got, the MAC that they ask for.
        ...portIndexes.mac(port).flatMap((mac) => keysBy('unplacedMac', mac)),
      ]),
      watchOf(informers.volumes, (volume) => keysBy('volume', keyOfObject(volume))),
      watchOf(informers.computeNodes, ({ metadata }) => keysBy('node', metadata.name)),
    ],
    concurrency: 16,
    settleMs: STAGE_SETTLE_MS,
    // What was changed of a machine that is there: to be stopped, most of all.
    isUrgent: ({ metadata, status }) => status?.node !== undefined && status.observedGeneration !== metadata.generation,
    reconcile: guarded(
      deps,
      async (instance, run) => withNetworkCause(await reconcileInstance(instance, deps, run), deps.network),
      'ERROR',
    ),
    readiness: instanceReadiness,
    forget(key, instance) {
      // Its claim: operator/leadership/follow-caches.ts.
      deps.userData.forget(instance.metadata.uid)
      deps.waitingRoom.leave(key)
    },
  }
}
