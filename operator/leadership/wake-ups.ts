// SPDX-License-Identifier: Apache-2.0
// What comes from outside of Kubernetes (nodes' words, heartbeats, the network backend) and whom it wakes.
import type { DocumentKind } from '../../lib/contract/documents.ts'
import type { Instance, Port } from '../../lib/api/types.ts'
import { isConditionTrue } from '../../lib/conditions.ts'
import { keyOfObject, keyOfRef, type ObjectKey } from '../../lib/kube/object.ts'
import type { Controller } from '../../lib/loop/controller.ts'
import type { ControllerName } from '../controllers/all.ts'
import { usersOfPort } from '../placed/holding.ts'
import { addressKey } from '../controllers/common/indexes.ts'
import { isStray } from '../controllers/compute-node/strays.ts'
import { listFreed } from '../controllers/volume/held-back.ts'
import { listWaitingFor } from '../controllers/volume/waiting.ts'
import { findResource } from '../restore-guard/newer-facts.ts'
import { keyOf } from '../controllers/common/references.ts'
import type { OperatorDeps } from '../controllers/common/deps.ts'
import type { TombstoneCollector } from '../placed/tombstone-collector.ts'
import { CLOUD_NAME } from '../../lib/api/kinds.ts'
import { portKeyOf, listNics } from '../controllers/instance/nics.ts'

export type Controllers = Readonly<Record<ControllerName, Pick<Controller, 'enqueue' | 'enqueueUid' | 'enqueueAll'>>>

const CONTROLLER_OF: Record<DocumentKind, ControllerName> = {
  node: 'computeNode',
  image: 'image',
  volume: 'volume',
  port: 'port',
  instance: 'instance',
}

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
    bus.desired.onDrift(({ kind, uid }) => controllers[CONTROLLER_OF[kind]].enqueueUid(uid)),
    bus.desired.onReset(() => wakeDocuments()),
    // The node may have answered before we heard that its document was stored.
    bus.desired.onVolumes(({ uid }) => wakeVolumesOf(uid)),
    bus.conduct.onChange((node) => controllers.computeNode.enqueue(node)),
    bus.inventory.onChange((node) => {
      controllers.computeNode.enqueue(node)
      controllers.storagePool.enqueueAll()
      wakeInstancesOf(node)
    }),
    bus.heartbeats.onChange((nodes) => {
      controllers.cloud.enqueue(CLOUD_NAME)
      for (const node of nodes) {
        controllers.computeNode.enqueue(node)
        wakeInstancesOf(node)
        for (const image of caches.images.listBy('unplaced', 'true')) controllers.image.enqueue(keyOfObject(image))
        for (const volume of caches.volumes.listBy('node', node)) controllers.volume.enqueue(keyOfObject(volume))
      }
    }),
  ]
  deps.claimedNodes.onSettled((node) => controllers.computeNode.enqueue(node))
  ends.push(() => deps.claimedNodes.stop())
  deps.waitingRoom.onWake((key) => controllers.instance.enqueue(key))
  deps.volumePromises.onWithdrawn((pool) => {
    for (const volume of listWaitingFor(pool, caches)) controllers.volume.enqueue(keyOfObject(volume))
  })
  deps.addresses.onFreed(({ block, entry }) => {
    // Who had it and still is there claims it again.
    controllers.port.enqueue(keyOfRef(entry.portRef))
    const subnet = caches.subnets.find(block.namespace, block.subnetName)
    if (!subnet) return
    const network = keyOf(subnet.spec.networkRef, block.namespace)
    const waiting = [
      ...caches.ports.listBy('withoutAddress', network),
      ...caches.ports.listBy('address', addressKey(network, entry.address)),
    ]
    for (const port of waiting) controllers.port.enqueue(keyOfObject(port))
    for (const instance of caches.instances.listBy('unplacedOn', network))
      controllers.instance.enqueue(keyOfObject(instance))
  })
  ends.push(
    deps.network.onMade(({ kind, uid }) => {
      const network = kind === 'Network' ? caches.networks.findByUid(uid) : undefined
      const subnet = kind === 'Subnet' ? caches.subnets.findByUid(uid) : undefined
      const key = network ? keyOfObject(network) : subnet && keyOf(subnet.spec.networkRef, subnet.metadata.namespace)
      if (key === undefined) return
      for (const other of network ? caches.subnets.listBy('network', key) : [])
        controllers.subnet.enqueue(keyOfObject(other))
      for (const port of caches.ports.listBy('network', key)) controllers.port.enqueue(keyOfObject(port))
    }),
  )
  ends.push(
    deps.network.onHealth(() => {
      controllers.cloud.enqueue(CLOUD_NAME)
      // What waits for the backend says so.
      for (const port of caches.ports.list()) if (!isReady(port)) controllers.port.enqueue(keyOfObject(port))
      for (const instance of caches.instances.list())
        if (!isReady(instance)) controllers.instance.enqueue(keyOfObject(instance))
    }),
    deps.network.onTaken((nodes) => {
      for (const node of nodes) controllers.computeNode.enqueue(node)
      for (const { uid } of deps.network.listTaken()) controllers.port.enqueueUid(uid)
      // Those that say it and are not taken any more.
      for (const port of caches.ports.list()) if (!isReady(port)) controllers.port.enqueue(keyOfObject(port))
    }),
  )
  deps.releases.onRequest((node) => controllers.computeNode.enqueue(node))
  return () => {
    for (const end of ends) end()
  }

  function wakeDocuments(): void {
    for (const name of ['computeNode', 'image', 'volume', 'port', 'instance'] as const) controllers[name].enqueueAll()
  }

  /** A new boot of the node asks for new grants; silence is shown on its machines. */
  function wakeInstancesOf(node: string): void {
    for (const instance of caches.instances.listBy('node', node)) controllers.instance.enqueue(keyOfObject(instance))
  }

  function wakeVolumesOf(machineUid: string): void {
    for (const volume of caches.volumes.listBy('attachedTo', machineUid))
      controllers.volume.enqueue(keyOfObject(volume))
  }

  function wakeObserved(kind: DocumentKind, uid: string, node: string): void {
    controllers[CONTROLLER_OF[kind]].enqueueUid(uid)
    if (!findResource(kind, uid, caches)) wakeForStray(kind, uid, node)
    for (const key of dependents(kind, uid)) controllers[key[0]].enqueue(key[1])
    const releases = caches.computeNodes.find(undefined, node)?.status?.releases
    if (releases?.some((r) => r.kind === kind && r.uid === uid)) controllers.computeNode.enqueue(node)
  }

  /** Of what has no resource: it is shown on its node, and may be what a machine waits for. */
  function wakeForStray(kind: DocumentKind, uid: string, node: string): void {
    const isStanding = isStray(bus.observed.find(kind, uid, node), deps)
    const wasShown = caches.computeNodes.find(undefined, node)?.status?.orphans?.some((o) => o.uid === uid) === true
    if (isStanding || wasShown) controllers.computeNode.enqueue(node)
    // Also when it is gone from a node that nobody lists.
    if (kind === 'instance' || kind === 'port') deps.waitingRoom.wakeAll()
  }

  /** Others that read this word: see hasReleased, resolveVolumes, listUnplugged. */
  function* dependents(kind: DocumentKind, uid: string): Iterable<[ControllerName, ObjectKey]> {
    if (kind === 'port') {
      const port = caches.ports.findByUid(uid)
      for (const user of port ? usersOfPort(port, deps) : []) yield ['instance', keyOfObject(user)]
    } else if (kind === 'volume') {
      const volume = caches.volumes.findByUid(uid)
      for (const user of volume ? caches.instances.listBy('volume', keyOfObject(volume)) : [])
        yield ['instance', keyOfObject(user)]
    } else if (kind === 'instance') {
      for (const volume of caches.volumes.listBy('attachedTo', uid)) yield ['volume', keyOfObject(volume)]
      for (const volume of listFreed(deps)) yield ['volume', keyOfObject(volume)]
      const instance = caches.instances.findByUid(uid)
      if (instance) for (const nic of listNics(instance)) yield ['port', portKeyOf(instance, nic)]
    }
  }
}
