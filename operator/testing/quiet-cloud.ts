// SPDX-License-Identifier: Apache-2.0
// A small cloud under a QuietOperator, with short methods for what people and nodes do in it.
import type { Port } from '../../lib/api/types.ts'
import type { DocumentKind, Inventory, ObservedDocument } from '../../lib/contract/documents.ts'
import type { Versions } from '../../lib/contract/versions.ts'
import type { ObjectRef } from '../../lib/kube/object.ts'
import { wellAnswered } from './answers.ts'
import type { CacheName } from './memory-cluster.ts'
import { QuietOperator } from './quiet-operator.ts'

export type Where = readonly [CacheName, ObjectRef]
export const ns = (name: string): { namespace: string; name: string } => ({ namespace: 'ns', name })

export const POOL = { name: 'files', driver: 'file', totalGiB: 100, freeGiB: 100 }
const COMPUTE = { 'nephele.dev/compute': 'libvirt' }
const CLUSTER: readonly CacheName[] = [
  ...(['flavors', 'storagePools', 'volumeTypes', 'nodes', 'computeNodes', 'providerNetworks'] as const),
  ...(['hostAggregates', 'schedulerProfiles', 'imageStores'] as const),
]

/** The simplest spec of each kind. */
const SPECS: Partial<Record<CacheName, object>> = {
  addressScopes: { ipVersion: 4 },
  flavors: { vcpus: 1, memoryMiB: 256, rootDiskGiB: 1 },
  imageStores: { driver: 'file' },
  images: { source: { http: { url: 'http://x/y' } }, format: 'qcow2' },
  instances: { flavorRef: { name: 'small' }, imageRef: { name: 'guest' }, networks: [{ networkRef: { name: 'lan' } }] },
  keyPairs: { publicKey: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl me' },
  loadBalancers: {
    vip: { subnetRef: { name: 'lan-v4' } },
    listeners: [{ name: 'http', protocol: 'tcp', port: 80 }],
  },
  ports: { networkRef: { name: 'lan' } },
  providerNetworks: { type: 'vlan', vlanRanges: [{ minimum: 100, maximum: 199 }] },
  serverGroups: { policy: 'anti-affinity' },
  storagePools: { driver: 'file' },
  quotas: { hard: {} },
  subnetPools: { prefixes: ['10.8.0.0/16'] },
  subnets: { networkRef: { name: 'lan' }, cidr: '10.0.0.0/24' },
  volumeTypes: { storagePoolRef: { name: 'files' } },
  volumes: { sizeGiB: 1 },
}

export class QuietCloud {
  operator = new QuietOperator()

  /** Two nodes that run machines, one that stores; an image, a network with one subnet, a pool with a default type. */
  static async furnished(): Promise<QuietCloud> {
    const cloud = new QuietCloud()
    const { operator } = cloud
    for (const name of ['c1', 'c2']) operator.addNode(name, COMPUTE)
    operator.addNode('s1', { 'nephele.dev/storage': 'true', 'nephele.dev/image': 'true' }, { pools: [POOL] })
    cloud.make('flavors', 'small')
    cloud.make('images', 'guest')
    cloud.make('networks', 'lan')
    cloud.subnet('lan-v4')
    cloud.make('storagePools', 'files')
    cloud.make('volumeTypes', 'std', { default: true })
    await operator.rest()
    return cloud
  }

  /**
   * Another operator leads: it knows what is in the apiserver and what nodes say, and nothing else.
   * @param bus whether the bus still holds what was told
   */
  changeLeader(bus: 'kept' | 'wiped' = 'wiped'): void {
    this.operator = new QuietOperator(this.operator, bus)
  }

  make(cache: CacheName, name: string, spec: object = {}): void {
    this.operator.create(cache, refOf(cache, name), { ...SPECS[cache], ...spec })
  }

  vm(name: string, spec: object = {}): void {
    this.make('instances', name, spec)
  }

  /** Kept on these nodes, which other nodes reach. */
  imageStore(name: string, nodes: readonly string[], spec: object = {}): void {
    const folder = { name, driver: 'file', totalGiB: 100, freeGiB: 100 }
    for (const node of nodes) {
      this.label(node, { 'nephele.dev/storage': 'true' })
      this.operator.report(node, { imageStores: [folder], pools: [POOL] })
    }
    this.make('imageStores', name, spec)
  }

  port(name: string, spec: object = {}): void {
    this.make('ports', name, spec)
  }

  volume(name: string, spec: object = {}): void {
    this.make('volumes', name, spec)
  }

  subnet(name: string, spec: object = {}): void {
    this.make('subnets', name, spec)
  }

  set(cache: CacheName, name: string, spec: object): void {
    this.operator.change(cache, refOf(cache, name), (old) => Object.assign(old, spec))
  }

  label(node: string, labels: Record<string, string | undefined>): void {
    const { metadata, ...rest } = this.operator.get('nodes', { name: node })
    const now = Object.entries({ ...metadata.labels, ...labels }).filter(([, value]) => value !== undefined)
    this.operator.store('nodes', { ...rest, metadata: { ...metadata, labels: Object.fromEntries(now) as never } })
  }

  /** Creates an object that is being deleted and held by a finalizer. */
  hold(cache: CacheName, name: string): void {
    this.operator.create(cache, refOf(cache, name), { ...SPECS[cache] }, { finalizers: ['test/hold'] })
    this.operator.remove(cache, refOf(cache, name))
  }

  /** Removes the object whatever its finalizers. */
  drop(cache: CacheName, name: string): void {
    const object = this.operator.get(cache, refOf(cache, name))
    this.operator.store(cache, { ...object, metadata: { ...object.metadata, finalizers: [] } })
    const { deletionTimestamp, uid } = object.metadata
    if (deletionTimestamp === undefined) this.operator.remove(cache, refOf(cache, name))
    else this.operator.world.stores[cache].remove(object.metadata.namespace === undefined ? name : `ns/${name}`, uid)
  }

  addNode(name: string, spec: object = {}, inventory: Partial<Inventory> = {}, labels: object = COMPUTE): void {
    this.operator.create('computeNodes', { name }, spec)
    this.operator.addNode(name, labels as Record<string, string>, inventory)
  }

  answersAll(): void {
    this.operator.answer = wellAnswered
  }

  specOf(cache: CacheName): object {
    return { ...SPECS[cache] }
  }

  nodeOf(machine: string): string {
    const { status } = this.operator.get('instances', ns(machine)) as { status?: { node?: string } }
    if (status?.node === undefined) throw new Error(`${machine} has no node`)
    return status.node
  }

  uidOf(name: string, cache: CacheName = 'instances'): string {
    return this.operator.get(cache, refOf(cache, name)).metadata.uid
  }

  macOf(port: string): string | undefined {
    return (this.operator.get('ports', ns(port)) as Port).status?.macAddress
  }

  versions(epoch: number): Versions {
    return { incarnation: 1, term: 1, epoch, generation: 1 }
  }

  /** A node's report on something that it has. */
  report(kind: DocumentKind, uid: string, node: string): ObservedDocument {
    const base = { v: 1 as const, kind, uid, node, name: 'x', namespace: 'ns', versions: this.versions(1) }
    return { ...base, state: 'running', facts: {}, bootId: 'boot-0001', since: '2026-01-01T00:00:00Z' }
  }
}

function refOf(cache: CacheName, name: string): ObjectRef {
  return CLUSTER.includes(cache) ? { name } : ns(name)
}
