// SPDX-License-Identifier: Apache-2.0
// All that wakes a machine, beside its own report and document and what it names (./kind.ts); and with all other objects the end of
// what held everything back (operator/leadership/look-again.ts).
import { isConditionTrue } from '../../../lib/conditions.ts'
import { keyOfObject, type KubeObject } from '../../../lib/kube/object.ts'
import { watchOf, type Source, type Watch } from '../../../lib/loop/controller.ts'
import { findResource } from '../../kind/document-kinds.ts'
import { keyOf } from '../../kind/references.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import { usersOfPort } from '../../placed/holding.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { macKeysOf } from '../port/kind.ts'

export function instanceWatches(deps: OperatorDeps, informers: OperatorInformers): Watch[] {
  const { instances } = deps.caches
  const keysBy = (index: string, value: string) => instances.listBy(index, value).map(keyOfObject)
  return [
    watchOf(informers.subnets, ({ spec, metadata }) => keysBy('network', keyOf(spec.networkRef, metadata.namespace))),
    // It may have had, or have got, the MAC that they ask for.
    watchOf(informers.ports, (port) => macKeysOf(port).flatMap((mac) => keysBy('unplacedMac', mac))),
  ]
}

export function instanceSources(deps: OperatorDeps): Source[] {
  const { bus, caches } = deps
  const { instances } = caches
  const keysBy = (index: string, value: string) => instances.listBy(index, value).map(keyOfObject)
  return [
    ({ enqueue }) => deps.waitingRoom.onWake((key) => enqueue(key)),
    // Also when it is gone from a node that nobody lists: what has no resource may be what a machine waits for.
    () =>
      bus.observed.onChange(({ kind, uid }) => {
        if ((kind === 'instance' || kind === 'port') && !findResource(kind, uid, caches)) deps.waitingRoom.wakeAll()
      }),
    // What its ports' and its volumes' nodes say.
    ({ enqueue }) =>
      bus.observed.onChange(({ kind, uid }) => {
        const port = kind === 'port' ? caches.ports.findByUid(uid) : undefined
        const volume = kind === 'volume' ? caches.volumes.findByUid(uid) : undefined
        const users: KubeObject[] = port ? usersOfPort(port, deps) : []
        for (const user of users) enqueue(keyOfObject(user))
        for (const key of volume ? keysBy('volume', keyOfObject(volume)) : []) enqueue(key)
      }),
    ({ enqueue }) =>
      bus.inventory.onChange((node) => {
        // A new boot of the node asks for new grants.
        for (const key of keysBy('node', node)) enqueue(key)
      }),
    // Silence is shown on its machines.
    ({ enqueue }) =>
      bus.heartbeats.onChange((nodes) => {
        for (const node of nodes) for (const key of keysBy('node', node)) enqueue(key)
      }),
    ({ enqueue }) =>
      deps.addresses.onFreed(({ block }) => {
        const subnet = caches.subnets.find(block.namespace, block.subnetName)
        if (!subnet) return
        for (const key of keysBy('unplacedOn', keyOf(subnet.spec.networkRef, block.namespace))) enqueue(key)
      }),
    // What waits for the backend says so.
    ({ enqueue }) =>
      deps.network.onHealth(() => {
        for (const instance of instances.list())
          if (!isConditionTrue(instance.status?.conditions, 'Ready')) enqueue(keyOfObject(instance))
      }),
  ]
}
