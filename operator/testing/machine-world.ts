// SPDX-License-Identifier: Apache-2.0
// A world in memory in which a machine can be created, for unit tests.
import { USER_DATA_LABEL } from '../../lib/api/kinds.ts'
import type { ComputeNode, Flavor, Image, Instance, Network, SecurityGroup, Subnet } from '../../lib/api/types.ts'
import type { Amounts } from '../scheduler/nodes/amounts.ts'
import type { Outcome } from '../../lib/outcome.ts'
import { reconcileInstance } from '../controllers/instance/reconcile.ts'
import { memoryWorld, stored, type MemoryWorld } from './memory-deps.ts'

export const SHA = 'ab'.repeat(32)
const cluster = { namespace: '' }

export const parts = {
  flavor: (name = 'small', spec: Partial<Flavor['spec']> = {}) =>
    stored<Flavor>(name, { vcpus: 1, memoryMiB: 256, rootDiskGiB: 1, ...spec }, cluster),
  image: (spec: Partial<Image['spec']> = {}, more: object = {}) =>
    stored<Image>(
      'guest',
      { source: { http: { url: 'http://x/y' } }, format: 'qcow2', ...spec },
      { status: { sha256: SHA, importNode: 'n', epoch: 1 }, ...more },
    ),
  network: (more: object = {}) => stored<Network>('lan', {}, { status: { logicalSwitch: 'x', mtu: 1442 }, ...more }),
  subnet: () => stored<Subnet>('lan-v4', { networkRef: { name: 'lan' }, cidr: '10.0.0.0/24' }),
  group: () => stored<SecurityGroup>('default', {}, { status: { state: 'ACTIVE' } }),
}

export const machine = (spec: Partial<Instance['spec']> = {}, more: object = {}): Instance =>
  stored<Instance>(
    'vm',
    { flavorRef: { name: 'small' }, imageRef: { name: 'guest' }, networks: [{ networkRef: { name: 'lan' } }], ...spec },
    more,
  )

export const CAPACITY = { vcpus: 4, memoryMiB: 4096, diskGiB: 40 }

/** Two nodes that are up, and everything that the machine's spec names. */
export function machineWorld(): MemoryWorld {
  const world = memoryWorld()
  world.put('flavors', parts.flavor())
  world.put('images', parts.image())
  world.put('networks', parts.network())
  world.put('subnets', parts.subnet())
  world.put('securityGroups', parts.group())
  for (const name of ['c1', 'c2']) putNode(world, name)
  world.bus.heartbeats.expect(['c1', 'c2'])
  for (const name of ['c1', 'c2']) world.bus.heartbeats.beat(name, 'boot-0001')
  return world
}

export function putNode(world: MemoryWorld, name: string, spec: ComputeNode['spec'] = {}, status: object = {}): void {
  const known = { inventory: { bootID: 'boot-0001', address: '192.0.2.1' }, ...status }
  world.put('computeNodes', stored<ComputeNode>(name, spec, { namespace: '', status: known }))
  world.deps.scheduler.putNode({
    name,
    up: spec.lost === undefined,
    hypervisor: 'libvirt',
    zone: name,
    capacity: CAPACITY,
  })
}

/** Sets another machine's claim on the node. */
export function setSize(world: MemoryWorld, node: string, uid: string, amounts: Amounts): void {
  world.deps.scheduler.confirm(uid, [{ node, amounts }])
}

/** Stores the object and reconciles it once. */
export function step(world: MemoryWorld, instance: Instance): Promise<Outcome> {
  world.put('instances', instance)
  return reconcileInstance(instance, world.deps, world.run)
}

/** Has the machine's node report its ports as active, then the machine as running unless `word` says otherwise. */
export function runs(world: MemoryWorld, instance: Instance, report: { state?: string; facts?: object } = {}): void {
  const { node = '', epoch = 0 } = instance.status ?? {}
  for (const port of world.deps.caches.ports.list()) world.report('port', port, { node, epoch, state: 'active' })
  world.report('instance', instance, {
    node,
    epoch,
    state: report.state ?? 'running',
    facts: {
      stages: ['ImageCached'],
      volumesAttached: [],
      ...report.facts,
    },
  })
}

/** A machine that was placed, published and reported running. */
export async function active(world: MemoryWorld, instance = machine()): Promise<Instance> {
  await step(world, instance)
  await step(world, instance)
  runs(world, instance)
  const outcome = await step(world, instance)
  if (outcome.kind !== 'done') throw new Error(`not active: ${JSON.stringify(outcome)}`)
  return instance
}

const MARKED = { labels: { [USER_DATA_LABEL]: 'true' } }

/** Sets the data of the Secret that the apiserver returns; undefined: there is none. */
export function setSecret(world: MemoryWorld, data: Record<string, string> | undefined): void {
  const find = world.run.client.find.bind(world.run.client)
  Object.assign(world.run.client, {
    find: async (kind: { kind: string }, ...rest: [never]) =>
      kind.kind === 'Secret' ? data && { metadata: MARKED, data } : find(kind as never, ...rest),
  })
}
