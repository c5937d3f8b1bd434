// SPDX-License-Identifier: Apache-2.0
// What comes from outside of Kubernetes (nodes' words, heartbeats, the network backend) and whom it wakes.
import type { DocumentKind } from '../../lib/contract/documents.ts'
import type { Instance, Port } from '../../lib/api/types.ts'
import { isConditionTrue } from '../../lib/conditions.ts'
import { keyOfObject, keyOfRef, type ObjectKey } from '../../lib/kube/object.ts'
import type { Controller } from '../../lib/loop/controller.ts'
import type { KindName } from '../kind/row.ts'
import { usersOfPort } from '../placed/holding.ts'
import { addressKey } from '../controllers/port/address-keys.ts'
import { keyOf } from '../kind/references.ts'
import { isStray } from '../controllers/compute-node/strays.ts'
import { listFreed } from '../controllers/volume/held-back.ts'
import { listWaitingFor } from '../controllers/volume/waiting.ts'
import { findResource, KIND_OF_DOCUMENT } from '../kind/document-kinds.ts'
import type { OperatorDeps } from '../controllers/common/deps.ts'
import type { TombstoneCollector } from '../placed/tombstone-collector.ts'
import { CLOUD_NAME } from '../../lib/api/kinds.ts'
import { portKeyOf, listNics } from '../controllers/instance/nics.ts'

export type Controllers = Readonly<Record<KindName, Pick<Controller, 'enqueue' | 'enqueueUid' | 'enqueueAll'>>>

function isReady({ status }: Port | Instance): boolean {
  return isConditionTrue(status?.conditions, 'Ready')
}

/** @returns ends all subscriptions */
export function connectWakeUps(
  deps: OperatorDeps,
  controllers: Controllers,
  collector: TombstoneCollector,
): () => void {
  const { bus, caches } = deps
  const ends = [
    bus.observed.onChange(({ kind, uid, node }) => {
      wakeObserved(kind, uid, node)
      collector.consider(kind, uid)
    }),
    bus.desired.onDrift(({ kind, uid }) => controllers[KIND_OF_DOCUMENT[kind]].enqueueUid(uid)),
    bus.desired.onReset(() => wakeDocuments()),
    // The node may have answered before we heard that its document was stored.
    bus.desired.onVolumes(({ uid }) => wakeVolumesOf(uid)),
    bus.conduct.onChange((node) => controllers.computeNodes.enqueue(node)),
    bus.inventory.onChange((node) => {
      controllers.computeNodes.enqueue(node)
      controllers.storagePools.enqueueAll()
      wakeInstancesOf(node)
    }),
    bus.heartbeats.onChange((nodes) => {
      controllers.clouds.enqueue(CLOUD_NAME)
      for (const node of nodes) {
        controllers.computeNodes.enqueue(node)
        wakeInstancesOf(node)
        for (const image of caches.images.listBy('unplaced', 'true')) controllers.images.enqueue(keyOfObject(image))
        for (const volume of caches.volumes.listBy('node', node)) controllers.volumes.enqueue(keyOfObject(volume))
      }
    }),
  ]
  deps.claimedNodes.onSettled((node) => controllers.computeNodes.enqueue(node))
  ends.push(() => deps.claimedNodes.stop())
  deps.waitingRoom.onWake((key) => controllers.instances.enqueue(key))
  deps.volumePromises.onWithdrawn((pool) => {
    for (const volume of listWaitingFor(pool, caches)) controllers.volumes.enqueue(keyOfObject(volume))
  })
  deps.addresses.onFreed(({ block, entry }) => {
    // Who had it and still is there claims it again.
    controllers.ports.enqueue(keyOfRef(entry.portRef))
    const subnet = caches.subnets.find(block.namespace, block.subnetName)
    if (!subnet) return
    const network = keyOf(subnet.spec.networkRef, block.namespace)
    const waiting = [
      ...caches.ports.listBy('withoutAddress', network),
      ...caches.ports.listBy('address', addressKey(network, entry.address)),
    ]
    for (const port of waiting) controllers.ports.enqueue(keyOfObject(port))
    for (const instance of caches.instances.listBy('unplacedOn', network))
      controllers.instances.enqueue(keyOfObject(instance))
  })
  ends.push(
    deps.network.onMade(({ kind, uid }) => {
      const network = kind === 'Network' ? caches.networks.findByUid(uid) : undefined
      const subnet = kind === 'Subnet' ? caches.subnets.findByUid(uid) : undefined
      const key = network ? keyOfObject(network) : subnet && keyOf(subnet.spec.networkRef, subnet.metadata.namespace)
      if (key === undefined) return
      for (const other of network ? caches.subnets.listBy('network', key) : [])
        controllers.subnets.enqueue(keyOfObject(other))
      for (const port of caches.ports.listBy('network', key)) controllers.ports.enqueue(keyOfObject(port))
    }),
  )
  ends.push(
    deps.network.onHealth(() => {
      controllers.clouds.enqueue(CLOUD_NAME)
      // What waits for the backend says so.
      for (const port of caches.ports.list()) if (!isReady(port)) controllers.ports.enqueue(keyOfObject(port))
      for (const instance of caches.instances.list())
        if (!isReady(instance)) controllers.instances.enqueue(keyOfObject(instance))
    }),
    deps.network.onTaken((nodes) => {
      for (const node of nodes) controllers.computeNodes.enqueue(node)
      for (const { uid } of deps.network.listTaken()) controllers.ports.enqueueUid(uid)
      // Those that say it and are not taken any more.
      for (const port of caches.ports.list()) if (!isReady(port)) controllers.ports.enqueue(keyOfObject(port))
    }),
  )
  deps.releases.onRequest((node) => controllers.computeNodes.enqueue(node))
  return () => {
    for (const end of ends) end()
  }

  function wakeDocuments(): void {
    for (const name of Object.values(KIND_OF_DOCUMENT)) controllers[name].enqueueAll()
  }

  /** A new boot of the node asks for new grants; silence is shown on its machines. */
  function wakeInstancesOf(node: string): void {
    for (const instance of caches.instances.listBy('node', node)) controllers.instances.enqueue(keyOfObject(instance))
  }

  function wakeVolumesOf(machineUid: string): void {
    for (const volume of caches.volumes.listBy('attachedTo', machineUid))
      controllers.volumes.enqueue(keyOfObject(volume))
  }

  function wakeObserved(kind: DocumentKind, uid: string, node: string): void {
    controllers[KIND_OF_DOCUMENT[kind]].enqueueUid(uid)
    if (!findResource(kind, uid, caches)) wakeForStray(kind, uid, node)
    for (const key of dependents(kind, uid)) controllers[key[0]].enqueue(key[1])
    const releases = caches.computeNodes.find(undefined, node)?.status?.releases
    if (releases?.some((r) => r.kind === kind && r.uid === uid)) controllers.computeNodes.enqueue(node)
  }

  /** Of what has no resource: it is shown on its node, and may be what a machine waits for. */
  function wakeForStray(kind: DocumentKind, uid: string, node: string): void {
    const isStanding = isStray(bus.observed.find(kind, uid, node), deps)
    const wasShown = caches.computeNodes.find(undefined, node)?.status?.orphans?.some((o) => o.uid === uid) === true
    if (isStanding || wasShown) controllers.computeNodes.enqueue(node)
    // Also when it is gone from a node that nobody lists.
    if (kind === 'instance' || kind === 'port') deps.waitingRoom.wakeAll()
  }

  /** Others that read this word: see hasReleased, resolveVolumes, listUnplugged. */
  function* dependents(kind: DocumentKind, uid: string): Iterable<[KindName, ObjectKey]> {
    if (kind === 'port') {
      const port = caches.ports.findByUid(uid)
      for (const user of port ? usersOfPort(port, deps) : []) yield ['instances', keyOfObject(user)]
    } else if (kind === 'volume') {
      const volume = caches.volumes.findByUid(uid)
      for (const user of volume ? caches.instances.listBy('volume', keyOfObject(volume)) : [])
        yield ['instances', keyOfObject(user)]
    } else if (kind === 'instance') {
      for (const volume of caches.volumes.listBy('attachedTo', uid)) yield ['volumes', keyOfObject(volume)]
      for (const volume of listFreed(deps)) yield ['volumes', keyOfObject(volume)]
      const instance = caches.instances.findByUid(uid)
      if (instance) for (const nic of listNics(instance)) yield ['ports', portKeyOf(instance, nic)]
    }
  }
}
