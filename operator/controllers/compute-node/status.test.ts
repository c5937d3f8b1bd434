// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { inventoryOf } from '../../testing/inventory.ts'
import type { ComputeNode } from '../../../lib/api/types.ts'
import type { Inventory, ObservedDocument } from '../../../lib/contract/documents.ts'
import { stored } from '../../testing/memory-deps.ts'
import { judgeNode, recordInventory, type NodeSigns } from './status.ts'

const version = 'DPDK 24.11.8'
test.each([
  ['a switch that said nothing', undefined, { dpdk: false }],
  ['one without DPDK', { initialized: false }, { dpdk: false }],
  ['one with DPDK', { initialized: true, version, vhostUser: true }, { dpdk: true, dpdkVersion: version }],
  ['DPDK without vhost', { initialized: true, version, vhostUser: false }, { dpdk: false, dpdkVersion: version }],
])('%s', (_what, dpdk, expected) => {
  const inventory = recordInventory(inventoryOf('n1', dpdk ? { dpdk } : {}))
  expect(inventory).toMatchObject(expected)
  expect(inventory.dpdkVersion).toBe('dpdkVersion' in expected ? version : undefined)
})

test('what stays of an inventory: what placement and people need, in the bounds of the resource', () => {
  const hypervisor = {
    type: 'QEMU',
    version: '10.0.0',
    acceleration: 'qemu',
    accelerationReason: 'r'.repeat(600),
  } as const
  const inventory = recordInventory(
    inventoryOf('n1', {
      hypervisor,
      hugepagesMiB: 64,
      imageCache: { images: 1, usedGiB: 2, maxGiB: 9 },
      ovs: { version: '3.5', datapath: 'netdev' },
      dpdk: { initialized: true, vhostUser: true, version: 'v'.repeat(80) },
    }),
  )
  expect(inventory).toEqual({
    ...{ address: '192.0.2.1', agentVersion: '0.1.0', bootID: 'boot-0001', cpus: 4, memoryMiB: 5632, diskGiB: 50 },
    ...{ hugepagesMiB: 64, imageCacheGiB: 2, numaCells: 0, datapath: 'netdev' },
    ...{ hypervisorType: 'QEMU', hypervisorVersion: '10.0.0', acceleration: 'qemu' },
    ...{ accelerationReason: 'r'.repeat(512), dpdk: true, dpdkVersion: 'v'.repeat(64) },
  })
})

test.each<[string, Inventory['physicalNetworks'], string[] | undefined, string[] | undefined]>([
  [
    'those without a fault, by name',
    [{ name: 'b' }, { name: 'x', error: 'no eth1' }, { name: 'a' }],
    ['x'],
    ['a', 'b'],
  ],
  ['none any more', [], ['x'], []],
  ['as before, while the agent does not know', undefined, ['x'], ['x']],
  ['unknown so far', undefined, undefined, undefined],
])('the physical networks that it is connected to: %s', (_, said, before, expected) => {
  const inventory = inventoryOf('n1', said ? { physicalNetworks: said } : {})
  const old = recordInventory(inventoryOf('n1'))
  const now = recordInventory(inventory, { ...old, ...(before ? { physicalNetworks: before } : {}) })
  expect(now.physicalNetworks).toEqual(expected)
})

test('its virtual functions, as before while the agent does not know', () => {
  const pciDevices = [
    { ...{ physicalNetwork: 'dc', vendorID: '8086', productID: '154c' }, count: 2, direct: 0, macvtap: 2 },
  ]
  const had = recordInventory(inventoryOf('n1', { pciDevices }))
  expect(had.pciDevices).toEqual(pciDevices)
  expect(recordInventory(inventoryOf('n1'), had).pciDevices).toEqual(pciDevices)
  expect(recordInventory(inventoryOf('n1', { pciDevices: [] }), had).pciDevices).toEqual([])
})

/** One that is as well as can be. */
const WELL: NodeSigns = {
  ...{ pulse: 'up', hasNode: true, inventory: inventoryOf('n1') },
  observed: { state: 'ready', facts: {} } as ObservedDocument,
}
const degraded = (error?: object) => ({ state: 'degraded', facts: {}, error }) as ObservedDocument
const UP = { state: 'up', inventory: {} } as const

test.each<[string, ComputeNode['spec'], ComputeNode['status'], Partial<NodeSigns>, object]>([
  ['well', {}, UP, {}, { state: 'up', outcome: { kind: 'done' } }],
  ['lost, whatever is heard', { lost: 'Wiped' }, UP, {}, { state: 'lost', outcome: { reason: 'Lost' } }],
  ['no Node, though heard', {}, UP, { hasNode: false }, { state: 'down', outcome: { reason: 'NodeMissing' } }],
  ['silent', {}, UP, { pulse: 'silent' }, { state: 'down', outcome: { reason: 'AgentSilent' } }],
  ['not heard yet, was up', {}, UP, { pulse: 'unknown' }, { state: 'up', outcome: { reason: 'AgentUnknown' } }],
  ['not heard yet, was down', {}, { state: 'down' }, { pulse: 'unknown' }, { state: 'down' }],
  ['not heard yet, was lost', {}, { state: 'lost' }, { pulse: 'unknown' }, { state: 'down' }],
  ['not heard yet, is new', {}, undefined, { pulse: 'unknown' }, { state: 'down' }],
  ['without an inventory', {}, {}, {}, { state: 'down', outcome: { reason: 'InventoryMissing' } }],
  [
    'degraded, and says why',
    {},
    UP,
    { observed: degraded({ reason: 'PoolBroken', message: 'files', terminal: false }) },
    { state: 'up', closed: 'is degraded', outcome: { reason: 'PoolBroken', message: 'files' } },
  ],
  [
    'degraded without a word',
    {},
    UP,
    { observed: degraded() },
    { state: 'up', closed: 'is degraded', outcome: { reason: 'Degraded', message: 'its agent reports a fault' } },
  ],
  ['silent about its roles', {}, UP, { observed: undefined }, { closed: 'is not set up yet' }],
])('a node that is %s', (_, spec, status, signs, verdict) => {
  const node = stored<ComputeNode>('n1', spec, { namespace: '', ...(status ? { status } : {}) })
  expect(judgeNode(node, { ...WELL, ...signs })).toMatchObject(verdict)
})
