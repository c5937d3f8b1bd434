// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { ComputeNode, Flavor, Image, Instance, Network, SecurityGroup, Subnet } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { reconcileInstance } from './reconcile.ts'

/** Two nodes, and everything else that a machine needs; `c2` has DPDK when it is told so. */
function world(properties?: Record<string, string>): MemoryWorld {
  const w = memoryWorld()
  const cluster = { namespace: '' }
  w.put('flavors', stored<Flavor>('small', { vcpus: 1, memoryMiB: 256, rootDiskGiB: 1 }, cluster))
  const source = { http: { url: 'http://x/y' } }
  const imported = { status: { sha256: 'ab'.repeat(32), importNode: 'n', epoch: 1 } }
  const spec = { source, format: 'qcow2' as const, ...(properties ? { properties } : {}) }
  w.put('images', stored<Image>('guest', spec, imported))
  w.put('networks', stored<Network>('lan', {}, { status: { logicalSwitch: 'x', mtu: 1442 } }))
  w.put('subnets', stored<Subnet>('lan-v4', { networkRef: { name: 'lan' }, cidr: '10.0.0.0/24' }))
  w.put('securityGroups', stored<SecurityGroup>('default', {}, { status: { state: 'ACTIVE' } }))
  for (const name of ['c1', 'c2']) w.put('computeNodes', stored<ComputeNode>(name, {}, cluster))
  putNode(w, 'c1', false)
  putNode(w, 'c2', false)
  return w
}
const putNode = (w: MemoryWorld, name: string, vhostUser: boolean) =>
  w.deps.scheduler.putNode({
    name,
    up: true,
    hypervisor: 'libvirt',
    // The other one is always the better choice but for this.
    capacity: { vcpus: 4, memoryMiB: name === 'c1' ? 16384 : 4096, diskGiB: 40 },
    vhostUser,
  })
const machine = (vnicType?: 'vhostuser') =>
  stored<Instance>('vm', {
    flavorRef: { name: 'small' },
    imageRef: { name: 'guest' },
    networks: [{ networkRef: { name: 'lan' }, ...(vnicType ? { vnicType } : {}) }],
  })
const step = (w: MemoryWorld, i: Instance) => {
  w.put('instances', i)
  return reconcileInstance(i, w.deps, w.run)
}

test.each([
  ['its spec', undefined, 'vhostuser'],
  ['its image', { hw_vif_type: 'vhostuser' }, undefined],
] as const)('a vhost-user port asked for by %s waits for a node with DPDK, and is placed there', async (...facts) => {
  const [, properties, vnicType] = facts
  const w = world(properties)
  const i = machine(vnicType)
  expect(await step(w, i)).toMatchObject({ kind: 'wait', reason: 'NoValidHost' })
  expect(findCondition(i.status?.conditions, 'Scheduled')).toMatchObject({
    status: 'False',
    message: expect.stringContaining('DpdkFilter 2 (c1 has no DPDK switch for vhost-user ports)'),
  })
  expect(i.status?.scheduling?.filters).toEqual([
    { name: 'DpdkFilter', refused: 2, example: 'c1 has no DPDK switch for vhost-user ports' },
  ])
  putNode(w, 'c2', true)
  expect(await step(w, i)).toEqual({ kind: 'saved' })
  expect(i.status?.node).toBe('c2')
})

test('a machine without such a port goes anywhere', async () => {
  const w = world()
  const i = machine()
  expect(await step(w, i)).toEqual({ kind: 'saved' })
  expect(i.status?.node).toBe('c1')
})

test('it is ACTIVE when the switch has its port: the guest’s driver is the Port’s to tell', async () => {
  const w = world()
  putNode(w, 'c2', true)
  const i = machine('vhostuser')
  await step(w, i)
  const port = w.deps.caches.ports.list()[0]!
  const at = { node: 'c2', epoch: 1 }
  w.report('instance', i, { ...at, state: 'running', facts: { stages: ['Booted'], volumesAttached: [] } })
  w.report('port', port, { ...at, state: 'plugging', facts: { ovnInstalled: false, linkUp: false } })
  expect(await step(w, i)).toMatchObject({ reason: 'AttachingNetwork' })
  w.report('port', port, { ...at, state: 'plugging', facts: { ovnInstalled: true, linkUp: false } })
  expect(await step(w, i)).toEqual({ kind: 'done' })
  expect(i.status?.state).toBe('ACTIVE')
})
