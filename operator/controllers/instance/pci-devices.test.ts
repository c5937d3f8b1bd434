// SPDX-License-Identifier: Apache-2.0
// The virtual functions that a machine claims: those of its Ports, on the physical networks that they are on.
import { beforeEach, expect, test } from '@jest/globals'
import type { Instance, Network, Port, ProviderNetwork } from '../../../lib/api/types.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { claimOf } from '../common/machine-claims.ts'
import { followBandwidth } from './bandwidth.ts'
import { claimFunction, followPciDevices, recordPciDevices, wantedPciDevices } from './pci-devices.ts'

let w: MemoryWorld
const port = (name: string, vnicType: Port['spec']['vnicType'], network = 'lan') =>
  w.put('ports', stored<Port>(name, { networkRef: { name: network }, ...(vnicType ? { vnicType } : {}) }))
const wanted = (...ports: Port[]) => wantedPciDevices(ports, w.deps.caches)
const dc = (direct: number, macvtap = 0) => ({ dc: { direct, macvtap } })
beforeEach(() => {
  w = memoryWorld()
  for (const name of ['dc', 'wan'])
    w.put('providerNetworks', stored<ProviderNetwork>(name, { type: 'vlan' }, { namespace: '' }))
  for (const [name, on] of Object.entries({ lan: 'dc', wan: 'wan' }))
    w.put('networks', stored<Network>(name, { provider: { providerNetworkRef: { name: on } } }))
  w.put('networks', stored<Network>('virtual', {}))
})

test('one for each Port that is one, by kind and physical network', () => {
  expect(wanted(port('a', 'normal'), port('b', undefined), port('c', 'external'))).toBeUndefined()
  expect(wanted(port('a', 'direct'), port('b', 'macvtap'), port('c', 'direct'), port('d', 'direct', 'wan'))).toEqual({
    ...{ ...dc(2, 1), wan: { direct: 1, macvtap: 0 } },
  })
  expect(wanted(port('a', 'direct', 'virtual'))).toBeUndefined()
})

test('what is recorded is what is claimed; what is let go of is given back, and bandwidth does not touch it', () => {
  const flavor = { vcpus: 1, memoryMiB: 256, rootDiskGiB: 1 }
  const interfaces = [
    { slot: 0, port: 'a', portUID: 'uid-a' },
    { slot: 1, port: 'b', portUID: 'uid-b' },
  ]
  const i = stored<Instance>(
    'vm',
    { flavorRef: { name: 'f' }, imageRef: { name: 'i' }, networks: [{ portRef: { name: 'a' } }] },
    { status: { node: 'c1', epoch: 1, flavor, interfaces } },
  )
  const [a, b] = [port('a', 'direct'), port('b', 'macvtap')]
  recordPciDevices(i, wanted(a, b))
  expect(i.status?.pciDevices).toEqual([{ physicalNetwork: 'dc', direct: 1, macvtap: 1 }])
  w.deps.scheduler.putNode({
    ...{ name: 'c1', up: true, hypervisor: 'libvirt', physicalNetworks: ['dc'] },
    ...{
      capacity: { vcpus: 4, memoryMiB: 4096, diskGiB: 40 },
      pciDevices: { dc: { count: 2, direct: 2, macvtap: 2 } },
    },
  })
  w.deps.scheduler.confirm(i.metadata.uid, claimOf(i))
  const used = () => w.deps.scheduler.nodes.find('c1')?.usedPciDevices
  expect(used()).toEqual(dc(1, 1))
  // Its guest still has that of b.
  followPciDevices(i, [a], w.deps)
  expect(used()).toEqual(dc(1, 1))
  i.status = { ...i.status, interfaces: interfaces.slice(0, 1) }
  followPciDevices(i, [a], w.deps)
  followBandwidth(i, [a], w.deps, { ...w.run, key: 'ns/vm' })
  expect([used(), i.status?.pciDevices]).toEqual([dc(1), [{ physicalNetwork: 'dc', direct: 1, macvtap: 0 }]])
  i.spec.networks = []
  i.status = { ...i.status, interfaces: [] }
  followPciDevices(i, [], w.deps)
  expect([used(), i.status?.pciDevices]).toEqual([undefined, undefined])
})

test('one more is a matter of functions alone, whatever else the node lacks by now and whatever its profile says', () => {
  const flavor = {
    ...{ vcpus: 8, memoryMiB: 256, rootDiskGiB: 1 },
    extraSpecs: { 'nephele:scheduler_profile': 'gone' },
  }
  const claims = (count: number) => {
    const status = { node: 'c1', epoch: 1, flavor }
    const i = stored<Instance>('vm', { flavorRef: { name: 'f' }, imageRef: { name: 'i' }, networks: [] }, { status })
    // It has no room for what it has: more was handed out when the machine was placed.
    w.deps.scheduler.putNode({
      ...{ name: 'c1', up: true, hypervisor: 'libvirt', physicalNetworks: ['dc'] },
      ...{
        capacity: { vcpus: 1, memoryMiB: 64, diskGiB: 0 },
        pciDevices: { dc: { count, direct: count, macvtap: 0 } },
      },
    })
    w.deps.scheduler.confirm(i.metadata.uid, claimOf(i))
    return claimFunction(i, port('a', 'direct'), w.deps)
  }
  expect(claims(1)).toBeUndefined()
  expect(claims(0)).toContain('has 0 of 0 virtual functions')
})
