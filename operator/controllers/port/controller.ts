// SPDX-License-Identifier: Apache-2.0
import { CLOUD_NAME, FINALIZER, PORT } from '../../../lib/api/kinds.ts'
import type { Instance, Port } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { watchOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import { STAGE_SETTLE_MS } from '../common/stage-settle.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { port as portOfMachine } from '../instance/kind.ts'
import { macKeysOf, networkKeyOf } from './kind.ts'
import { withNetworkCause } from '../common/network-cause.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import { keyOf, targetKeysOf } from '../../kind/references.ts'
import { reconcilePort } from './reconcile.ts'
import { listSharing } from './shared-addresses.ts'

export function portController(deps: OperatorDeps, informers: OperatorInformers): ControllerDefinition<Port> {
  const { ports } = deps.caches
  const machinePorts = (instance: Instance) => targetKeysOf(portOfMachine, instance)
  const ofNetwork = (key: string) => ports.listBy('network', key).map(keyOfObject)
  return {
    name: 'port',
    kind: PORT,
    finalizer: FINALIZER,
    watches: [
      watchOf(informers.instances, machinePorts),
      watchOf(informers.subnets, ({ spec, metadata }) => ofNetwork(keyOf(spec.networkRef, metadata.namespace))),
      // Another port that has the same MAC may have gone.
      watchOf(informers.ports, (port) =>
        macKeysOf(port)
          .flatMap((mac) => ports.listBy('mac', mac))
          .filter(({ metadata }) => metadata.uid !== port.metadata.uid)
          .map(keyOfObject),
      ),
      // What one may speak for, another may have.
      watchOf(informers.ports, (port) => listSharing(port, deps.caches)),
      // What stood against a port's wish may go: seen to go, or found missing by a new list.
      watchOf(informers.ports, (port) => {
        if (port.metadata.deletionTimestamp === undefined && ports.findByUid(port.metadata.uid)) return []
        return ports.listBy('wishing', networkKeyOf(port)).map(keyOfObject)
      }),
      // Those of its machines, beside those that are plugged there: theirs is the place of a port that never was, or that says so no more.
      watchOf(informers.computeNodes, ({ metadata: { name } }) =>
        deps.caches.instances.listBy('node', name).flatMap(machinePorts),
      ),
      watchOf(informers.clouds, function* (cloud) {
        if (cloud.metadata.name === CLOUD_NAME) yield* ports.keys()
      }),
    ],
    concurrency: 16,
    settleMs: STAGE_SETTLE_MS,
    reconcile: async (port, run) => withNetworkCause(await reconcilePort(port, deps, run), deps.network),
    errorState: 'ERROR',
    forget: (_key, port) => void deps.deletions.delete(port.metadata.uid),
  }
}
