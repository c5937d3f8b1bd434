// SPDX-License-Identifier: Apache-2.0
// A machine with NUMA cells, from its Flavor to its claim, its status and what its node is told.
import { expect, test } from '@jest/globals'
import type { Flavor, Instance } from '../../../lib/api/types.ts'
import { guestOverheadMiB } from '../../../lib/node-room.ts'
import type { HostCell } from '../../scheduler/numa/host-cells.ts'
import { CAPACITY, machine, machineWorld, parts, runs, step } from '../../testing/machine-world.ts'
import type { MemoryWorld } from '../../testing/memory-deps.ts'
import { claimOf } from '../common/machine-claims.ts'
import { numaPlacementOf, recordNuma } from '../common/numa-topology.ts'

const cell = (id: number): HostCell => ({
  ...{ id, sharedCpus: 2, memoryMiB: 1024, hugepages: [{ sizeKiB: 2048, count: 256 }] },
  cores: [[10 * id + 2], [10 * id + 3]],
})
const OWN = { 'hw:cpu_policy': 'dedicated', 'hw:mem_page_size': '2MB' }
const SIZE = { vcpus: 2, memoryMiB: 256, rootDiskGiB: 1 }
const bare = (spec: Partial<Instance['spec']> = {}, status?: Instance['status']) =>
  machine({ networks: [], flavorRef: { name: 'pinned' }, ...spec }, status ? { status } : {})

/** Of two nodes, c2 has cells: not real hardware. */
function world(extraSpecs: Flavor['spec']['extraSpecs'] = OWN): MemoryWorld {
  const w = machineWorld()
  w.put('flavors', parts.flavor('pinned', { ...SIZE, extraSpecs }))
  w.deps.scheduler.putNode({
    ...{ name: 'c2', up: true, hypervisor: 'libvirt', zone: 'c2', capacity: CAPACITY },
    cells: [cell(0), cell(1)],
  })
  return w
}

test('is placed where its cells are, and its claim stands in the same write', async () => {
  const w = world()
  const i = bare()
  expect(await step(w, i)).toEqual({ kind: 'saved' })
  expect(i.status).toMatchObject({
    node: 'c2',
    numaTopology: { pageSizeKiB: 2048, cells: [{ hostCell: 0, vcpus: '0-1', memoryMiB: 256, cpus: '2-3' }] },
    flavor: { name: 'pinned', extraSpecs: OWN },
    scheduling: {
      filters: [{ name: 'NUMATopologyFilter', refused: 1, example: expect.stringMatching(/^c1 does not say/) }],
    },
  })
  const claim = claimOf(i)
  // Neither its CPUs nor its memory are of what all share.
  expect(claim).toMatchObject([
    { amounts: { vcpus: 0, memoryMiB: guestOverheadMiB(SIZE) }, numa: { pageSizeKiB: 2048 } },
  ])
  expect(w.deps.scheduler.findClaim('uid-vm')).toEqual(claim)
})

test('its node is told', async () => {
  const w = world()
  const i = bare()
  await step(w, i)
  await step(w, i)
  const document = [...w.bus.desired.documents.values()].find(({ kind }) => kind === 'instance')
  expect(document).toMatchObject({
    node: 'c2',
    spec: { numa: { pageSizeKiB: 2048, cells: [{ hostCell: 0, vcpus: [0, 1], memoryMiB: 256, cpus: [2, 3] }] } },
  })
})

test('waits with what lacks on which cell', async () => {
  const w = world({ ...OWN, 'hw:numa_nodes': '2' })
  const taken = { cells: [{ hostCell: 1, vcpus: [0, 1], memoryMiB: 1, cpus: [12, 13] }] }
  w.deps.scheduler.confirm('u', [{ node: 'c2', amounts: { vcpus: 0, memoryMiB: 0, diskGiB: 0 }, numa: taken }])
  const i = bare()
  expect(await step(w, i)).toMatchObject({ reason: 'NoValidHost' })
  expect(i.status?.scheduling?.filters?.[0]?.example).toMatch(/^c1 does not say/)
  w.deps.scheduler.removeNode('c1')
  expect(await step(w, i)).toMatchObject({
    message: expect.stringContaining(
      'c2 has 1 NUMA cell with room, 2 wanted: cell 1 has 0 of 2 dedicated CPUs free, 1 wanted',
    ),
  })
})

test('a Flavor that no node can give is refused before a node is looked for', async () => {
  const w = world({ 'hw:numa_nodes': '3' })
  await expect(step(w, bare())).rejects.toMatchObject({
    reason: 'InvalidNUMATopology',
    message: expect.stringContaining('hw:numa_nodes 3'),
  })
})

test('placed anew without a topology it has none any more', async () => {
  const i = bare()
  recordNuma(i, { cells: [{ hostCell: 0, vcpus: [0], memoryMiB: 1, cpus: [2], idleCpus: [6] }] })
  expect(numaPlacementOf(i)).toEqual({ cells: [{ hostCell: 0, vcpus: [0], memoryMiB: 1, cpus: [2], idleCpus: [6] }] })
  recordNuma(i, undefined)
  expect([i.status, numaPlacementOf(i)]).toEqual([{}, undefined])
})

test('where it stands, it gets no other topology, but another disk', async () => {
  const w = world()
  const i = bare()
  await step(w, i)
  runs(w, i)
  w.put('flavors', parts.flavor('other', { ...SIZE, extraSpecs: { ...OWN, 'hw:numa_nodes': '2' } }))
  w.put('flavors', parts.flavor('plain', SIZE))
  w.put('flavors', parts.flavor('roomy', { ...SIZE, rootDiskGiB: 2, extraSpecs: OWN }))
  const pending = async (name: string) => {
    i.spec.flavorRef = { name }
    await step(w, i)
    return i.status?.conditions?.find(({ type }) => type === 'ResizePending')?.reason
  }
  expect([await pending('other'), await pending('plain'), await pending('roomy')]).toEqual([
    ...['OtherNUMATopology', 'OtherNUMATopology', 'AtNextStart'],
  ])
  expect(w.deps.scheduler.findClaim('uid-vm')).toMatchObject([
    { amounts: { vcpus: 0, diskGiB: 2 }, numa: { pageSizeKiB: 2048 } },
  ])
})
