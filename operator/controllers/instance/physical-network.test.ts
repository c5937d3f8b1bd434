// SPDX-License-Identifier: Apache-2.0
// A machine with a port on a physical network goes only to nodes that are connected to it.
import { expect, test } from '@jest/globals'
import type {
  ComputeNode,
  Flavor,
  Image,
  Instance,
  Network,
  ProviderNetwork,
  SecurityGroup,
  Subnet,
} from '../../../lib/api/types.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { reconcileInstance } from './reconcile.ts'

const SPEC: Network['spec'] = { provider: { providerNetworkRef: { name: 'dc' } } }
const BACKEND = { logicalSwitch: 'x', mtu: 1442 }
/** Two nodes, the first of which has more room, and everything else that a machine needs. */
function world(network: Network): MemoryWorld {
  const w = memoryWorld()
  const cluster = { namespace: '' }
  w.put('flavors', stored<Flavor>('small', { vcpus: 1, memoryMiB: 256, rootDiskGiB: 1 }, cluster))
  const imported = { status: { sha256: 'ab'.repeat(32), importNode: 'n', epoch: 1 } }
  w.put('images', stored<Image>('guest', { source: { http: { url: 'http://x/y' } }, format: 'qcow2' }, imported))
  w.put('providerNetworks', stored<ProviderNetwork>('dc', { type: 'flat', physicalNetwork: 'phys' }, cluster))
  w.put('networks', network)
  w.put('subnets', stored<Subnet>('lan-v4', { networkRef: { name: 'lan' }, cidr: '10.0.0.0/24' }))
  w.put('securityGroups', stored<SecurityGroup>('default', {}, { status: { state: 'ACTIVE' } }))
  for (const name of ['c1', 'c2']) w.put('computeNodes', stored<ComputeNode>(name, {}, cluster))
  putNode(w, 'c1', ['other'])
  putNode(w, 'c2', [])
  return w
}
const putNode = (w: MemoryWorld, name: string, physicalNetworks: string[]) =>
  w.deps.scheduler.putNode({
    ...{ name, up: true, hypervisor: 'libvirt', physicalNetworks },
    capacity: { vcpus: 4, memoryMiB: name === 'c1' ? 16384 : 4096, diskGiB: 40 },
  })
const networks = [{ networkRef: { name: 'lan' } }, { networkRef: { name: 'lan' } }]
const machine = () => stored<Instance>('vm', { flavorRef: { name: 'small' }, imageRef: { name: 'guest' }, networks })
const step = (w: MemoryWorld, i: Instance) => {
  w.put('instances', i)
  return reconcileInstance(i, w.deps, w.run)
}

test.each<[string, Network]>([
  ['has', stored<Network>('lan', SPEC, { status: { ...BACKEND, physicalNetwork: 'phys' } })],
  ['is about to have', stored<Network>('lan', SPEC, { status: BACKEND })],
])('one that its Network %s a segment of: it waits for a node, and goes there', async (_, network) => {
  const w = world(network)
  const i = machine()
  expect(await step(w, i)).toMatchObject({
    ...{ kind: 'wait', reason: 'NoValidHost' },
    message: expect.stringContaining('ProviderNetworkFilter 2 (c1 is not connected to physical network phys)'),
  })
  putNode(w, 'c2', ['other', 'phys'])
  expect(await step(w, i)).toEqual({ kind: 'saved' })
  expect(i.status?.node).toBe('c2')
})

test('a machine on a virtual Network goes anywhere', async () => {
  const w = world(stored<Network>('lan', {}, { status: BACKEND }))
  const i = machine()
  expect(await step(w, i)).toEqual({ kind: 'saved' })
  expect(i.status?.node).toBe('c1')
})
