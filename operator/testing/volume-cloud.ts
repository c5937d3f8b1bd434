// SPDX-License-Identifier: Apache-2.0
// Two machines and one volume; everything between a decision and its effect is a separate step: runs of the real reconcilers, their status
// writes, documents under way, nodes that act and report late. For property tests of who has the volume.
import type { ComputeNode, Flavor, Image, Instance, StoragePool, Volume, VolumeType } from '../../lib/api/types.ts'
import { keyOfObject, type KubeObject } from '../../lib/kube/object.ts'
import type { Outcome } from '../../lib/outcome.ts'
import { TombstoneCollector } from '../placed/tombstone-collector.ts'
import { reconcileInstance } from '../controllers/instance/reconcile.ts'
import { reconcileVolume } from '../controllers/volume/reconcile.ts'
import { memoryWorld, stored } from './memory-deps.ts'
import { ModelNode } from './model-node.ts'

export const MACHINES = ['a', 'b'] as const
export const OBJECTS = ['a', 'b', 'data'] as const
export type ObjectName = (typeof OBJECTS)[number]
export const COMPUTE_NODES = ['c1', 'c2'] as const
/** A node that no machine is placed on. */
export const LIAR = 'c3'
/** Machines that LIAR reports on. */
export const LIES = ['uid-a', 'uid-b', 'uid-of-nobody'] as const

const SIZE = { vcpus: 1, memoryMiB: 256, rootDiskGiB: 1 }
const cluster = { namespace: '' }
const connection = { protocol: 'nbd' as const, host: 'x', port: 10900, exportName: 'x', tls: true }

interface Underway {
  object: KubeObject
  outcome?: Outcome
}

export class VolumeCloud {
  readonly world = memoryWorld()
  readonly nodes = new Map(COMPUTE_NODES.map((name) => [name as string, new ModelNode(name)]))
  /** The volume's data was removed. */
  isDeleted = false
  /** Nodes that the storage node was ever told to serve the volume to. */
  readonly opened = new Set<string>()
  readonly #runs = new Map<ObjectName, Underway>()
  /** Documents of machines that wait to be stored. */
  readonly #sending: (() => void)[] = []
  readonly #collector: TombstoneCollector

  constructor() {
    const { world } = this
    this.#collector = new TombstoneCollector(world.deps, world.run.log)
    world.put('flavors', stored<Flavor>('small', SIZE, cluster))
    const source = { http: { url: 'http://x/y' } }
    const image = stored<Image>('guest', { source, format: 'qcow2' }, { status: { sha256: 'ab'.repeat(32), epoch: 1 } })
    world.put('images', image)
    const serving = { nodes: [{ node: 's1', totalGiB: 100, freeGiB: 100 }] }
    world.put('storagePools', stored<StoragePool>('files', { driver: 'file' }, { ...cluster, status: serving }))
    const type = { storagePoolRef: { name: 'files' }, default: true }
    world.put('volumeTypes', stored<VolumeType>('standard', type, cluster))
    for (const name of [...COMPUTE_NODES, LIAR, 's1']) {
      const inventory = { bootID: 'boot-0001', address: '192.0.2.1' }
      world.put('computeNodes', stored<ComputeNode>(name, {}, { ...cluster, status: { inventory } }))
    }
    for (const name of COMPUTE_NODES) {
      const capacity = { vcpus: 4, memoryMiB: 4096, diskGiB: 40 }
      world.deps.scheduler.putNode({ name, up: true, hypervisor: 'libvirt', zone: name, capacity })
    }
    world.bus.heartbeats.expect([...COMPUTE_NODES, 's1'])
    for (const name of [...COMPUTE_NODES, 's1']) world.bus.heartbeats.beat(name, 'boot-0001')
    world.put('volumes', stored<Volume>('data', { sizeGiB: 1 }))
    for (const name of MACHINES) world.put('instances', this.#machine(name, [{ volumeRef: { name: 'data' } }]))
    world.bus.desired.delay = ({ kind }) =>
      kind === 'instance' ? new Promise((stored) => this.#sending.push(stored)) : undefined
  }

  #machine(name: string, volumes: Instance['spec']['volumes']): Instance {
    const base = { flavorRef: { name: 'small' }, imageRef: { name: 'guest' }, evacuation: 'WhenFenced' as const }
    const machine = stored<Instance>(name, { ...base, volumes: volumes ?? [] })
    machine.metadata.creationTimestamp = name === 'a' ? '2026-01-02T00:00:00Z' : '2026-01-01T00:00:00Z'
    return machine
  }

  find(name: ObjectName): KubeObject | undefined {
    const cache = name === 'data' ? this.world.deps.caches.volumes : this.world.deps.caches.instances
    return cache.find('ns', name)
  }

  get volume(): Volume | undefined {
    return this.find('data') as Volume | undefined
  }

  machine(name: string): Instance | undefined {
    return this.find(name as ObjectName) as Instance | undefined
  }

  // What people do.

  change(name: ObjectName, change: (object: KubeObject) => void): void {
    const object = structuredClone(this.find(name))
    if (!object || object.metadata.deletionTimestamp !== undefined) return
    change(object)
    object.metadata.generation = (object.metadata.generation ?? 1) + 1
    this.#put(name, object)
  }

  want(name: string, isWanted: boolean): void {
    const volumes = isWanted ? [{ volumeRef: { name: 'data' } }] : []
    this.change(name as ObjectName, (object) => Object.assign(object.spec as object, { volumes }))
  }

  remove(name: ObjectName): void {
    const object = structuredClone(this.find(name))
    if (!object || object.metadata.deletionTimestamp !== undefined) return
    object.metadata.deletionTimestamp = '2026-01-03T00:00:00Z'
    this.#put(name, object)
  }

  /** The node is cut off and somebody confirms it lost. */
  lose(node: string): void {
    this.nodes.get(node)?.lose()
    const known = this.world.deps.caches.computeNodes.find(undefined, node)
    if (known) this.world.put('computeNodes', { ...structuredClone(known), spec: { lost: 'Confirmed' as const } })
    this.world.deps.scheduler.removeNode(node)
  }

  // What the operator does.

  /** Starts a run; its decision is not written yet. Never two runs for one object. */
  async begin(name: ObjectName): Promise<void> {
    const object = structuredClone(this.find(name))
    if (!object || this.#runs.has(name)) return
    const run: Underway = { object }
    this.#runs.set(name, run)
    const { deps, run: context } = this.world
    const running =
      name === 'data'
        ? reconcileVolume(object as Volume, deps, context)
        : reconcileInstance(object as Instance, deps, { ...context, key: keyOfObject(object) })
    void running.then(
      (outcome) => void (run.outcome = outcome),
      () => void this.#runs.delete(name),
    )
    await turn()
  }

  /** The write of a decision arrives, unless the object has changed meanwhile. */
  land(name: ObjectName): void {
    const run = this.#runs.get(name)
    if (!run?.outcome) return
    this.#runs.delete(name)
    const now = this.find(name)
    if (now?.metadata.resourceVersion !== run.object.metadata.resourceVersion) return
    if (run.outcome.kind === 'released') this.world.drop(name === 'data' ? 'volumes' : 'instances', run.object)
    else this.#put(name, run.object)
    this.#keepReleases()
  }

  /** The oldest document under way is stored. */
  async send(): Promise<void> {
    this.#sending.shift()?.()
    await turn()
  }

  /** Does what the compute-node controller does with releases. */
  #keepReleases(): void {
    for (const name of COMPUTE_NODES) {
      const node = this.world.deps.caches.computeNodes.find(undefined, name)
      const fresh = node && this.world.deps.releases.listNew(name, node.status?.releases ?? [])
      if (!node || !fresh || fresh.length === 0) continue
      const releases = [...(node.status?.releases ?? []), ...fresh]
      this.world.put('computeNodes', { ...structuredClone(node), status: { ...node.status, releases } })
    }
  }

  /** Withdraws answered tombstones. */
  collect(): void {
    this.#collector.considerAll()
  }

  #put(name: ObjectName, object: KubeObject): void {
    this.world.put(name === 'data' ? 'volumes' : 'instances', object)
  }

  // What nodes do.

  /** The storage node accepts its document and answers. */
  serve(isWell: boolean): void {
    const document = this.world.bus.desired.documents.get('s1.volume.uid-data')
    if (!document || document.kind !== 'volume') return
    if (document.tombstone) this.isDeleted = true
    else for (const node of document.spec.exportTo) this.opened.add(node)
    const { uid, name, versions } = document
    const facts = document.tombstone ? {} : { sizeGiB: 1, ...(document.spec.exportTo.length > 0 ? { connection } : {}) }
    const state = document.tombstone ? 'gone' : isWell ? 'available' : 'failed'
    this.world.bus.report({
      ...{ v: 1, kind: 'volume', uid, node: 's1', name, namespace: 'ns', versions, state },
      ...{ facts: isWell ? facts : {}, bootId: 'boot-0001', since: '2026-01-01T00:00:00Z' },
    })
  }

  deliver(node: string, machine: string): void {
    this.nodes.get(node)?.accept(this.world.bus.desired.documents.get(`${node}.instance.uid-${machine}`))
  }

  /** The operator receives a report: the latest or an older one, perhaps again. */
  hear(node: string, machine: string, back: number): void {
    const reports = this.nodes.get(node)?.said.get(`uid-${machine}`) ?? []
    const report = reports[reports.length - 1 - back]
    if (report) this.world.bus.report(structuredClone(report))
  }

  /** LIAR reports having the volume, which it was never given, or the machine gone. */
  lie(machine: string, isTaken: boolean): void {
    const versions = { incarnation: 1, term: 1, epoch: 0, generation: 1 }
    const facts = { volumesAttached: ['uid-data'] }
    this.world.bus.report({
      ...{ v: 1, kind: 'instance', uid: machine, node: LIAR, name: 'x', namespace: 'ns', versions },
      ...(isTaken ? { state: 'running', facts } : { state: 'gone', facts: {} }),
      ...{ bootId: 'boot-0001', since: '2026-01-01T00:00:00Z' },
    })
  }

  /** Each guest that can write to the volume, such as `c1/uid-a`. */
  hands(): string[] {
    return [...this.nodes.values()].flatMap((node) => [...node.hands()].map(([machine]) => `${node.name}/${machine}`))
  }

  /** Everything works as it should for this many rounds. */
  async settle(rounds: number): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      for (const name of OBJECTS) {
        await this.begin(name)
        for (let sent = 0; sent < 4; sent++) await this.send()
        this.land(name)
      }
      this.serve(true)
      for (const node of COMPUTE_NODES) {
        for (const machine of MACHINES) {
          this.deliver(node, machine)
          this.nodes.get(node)?.work(`uid-${machine}`, 'whole')
          this.hear(node, machine, 0)
        }
      }
    }
  }
}

/** Lets everything go on that is not held back. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
