// SPDX-License-Identifier: Apache-2.0
import { CLOUD_NAME, FINALIZER, PORT } from '../../../lib/api/kinds.ts'
import type { Port } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { watchOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import { guarded, STAGE_SETTLE_MS } from '../common/definition.ts'
import type { OperatorDeps, OperatorInformers } from '../common/deps.ts'
import { instanceIndexes, portIndexes } from '../common/indexes.ts'
import { withNetworkCause } from '../common/network-cause.ts'
import { keyOf } from '../common/references.ts'
import { reconcilePort } from './reconcile.ts'
import { listSharing } from './shared-addresses.ts'

export function portController(deps: OperatorDeps, informers: OperatorInformers): ControllerDefinition<Port> {
  const { ports } = deps.caches
  const ofNetwork = (key: string) => ports.listBy('network', key).map(keyOfObject)
  return {
    name: 'port',
    kind: PORT,
    finalizer: FINALIZER,
    watches: [
      watchOf(informers.instances, instanceIndexes.port),
      watchOf(informers.networks, (network) => ofNetwork(keyOfObject(network))),
      watchOf(informers.subnets, ({ spec, metadata }) => ofNetwork(keyOf(spec.networkRef, metadata.namespace))),
      watchOf(informers.securityGroups, (group) => ports.listBy('securityGroup', keyOfObject(group)).map(keyOfObject)),
      // Another port that has the same MAC may have gone.
      watchOf(informers.ports, (port) =>
        portIndexes
          .mac(port)
          .flatMap((mac) => ports.listBy('mac', mac))
          .filter(({ metadata }) => metadata.uid !== port.metadata.uid)
          .map(keyOfObject),
      ),
      // What one may speak for, another may have.
      watchOf(informers.ports, (port) => listSharing(port, deps.caches)),
      // What stood against a port's wish may go: seen to go, or found missing by a new list.
      watchOf(informers.ports, ({ spec, metadata }) => {
        if (metadata.deletionTimestamp === undefined && ports.findByUid(metadata.uid)) return []
        return ports.listBy('wishing', keyOf(spec.networkRef, metadata.namespace)).map(keyOfObject)
      }),
      // Those that are plugged there, and those of its machines: theirs is the place of a port that never was, or that says so no more.
      watchOf(informers.computeNodes, ({ metadata: { name } }) => [
        ...ports.listBy('node', name).map(keyOfObject),
        ...deps.caches.instances.listBy('node', name).flatMap(instanceIndexes.port),
      ]),
      watchOf(informers.clouds, function* (cloud) {
        if (cloud.metadata.name === CLOUD_NAME) yield* ports.keys()
      }),
    ],
    concurrency: 16,
    settleMs: STAGE_SETTLE_MS,
    reconcile: guarded(
      deps,
      async (port, run) => withNetworkCause(await reconcilePort(port, deps, run), deps.network),
      'ERROR',
    ),
    forget: (_key, port) => void deps.deletions.delete(port.metadata.uid),
  }
}
