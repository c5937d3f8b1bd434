// SPDX-License-Identifier: Apache-2.0
// What machines on NUMA cells claim, and that no CPU, page or MiB is promised twice whatever comes and goes.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { usesOf, type HostCell } from '../numa/host-cells.ts'
import { numaWishOf } from '../numa/numa-wish.ts'
import { DEFAULT_POLICY } from '../policy.ts'
import { Scheduler } from '../scheduler.ts'
import { nodeFacts, placementRequest, refusalOf } from '../testing.ts'
import { numaTopologyFilter } from './numa-topology.ts'

const wish = (vcpus: number, memoryMiB: number, specs: Record<string, string>) =>
  numaWishOf({ vcpus, memoryMiB }, specs)!
const OWN = { 'hw:cpu_policy': 'dedicated' }
const cell = (id: number, cpus: number[], pages = 8): HostCell => ({
  ...{ id, sharedCpus: 2, memoryMiB: 64, hugepages: [{ sizeKiB: 2048, count: pages }] },
  cores: cpus.map((cpu) => [cpu]),
})
const CELLS = [cell(0, [2, 3]), cell(1, [6, 7])]

test.each<[string, Parameters<typeof refusalOf>[1], Parameters<typeof refusalOf>[2], string | undefined]>([
  ['without a wish any node will do', {}, {}, undefined],
  ['a node that does not say', {}, { numa: wish(1, 16, OWN) }, 'does not say which NUMA cells'],
  ['room', { cells: CELLS }, { numa: wish(2, 16, OWN) }, undefined],
  [
    'a vhost-user port beside a switch that does not say where it polls',
    { cells: CELLS },
    { numa: wish(2, 16, OWN), needsVhostUser: true },
    undefined,
  ],
  [
    'a vhost-user port, and too few CPUs where the switch polls',
    { cells: [cell(0, [2, 3]), { ...cell(1, [6]), isPolled: true }] },
    { numa: wish(2, 16, OWN), needsVhostUser: true },
    'has no room on cell 1, where its switch polls for vhost-user ports',
  ],
  [
    'one of two cells there is enough',
    { cells: [cell(0, [2, 3]), { ...cell(1, [6]), isPolled: true }] },
    { numa: wish(2, 16, { ...OWN, 'hw:numa_nodes': '2' }), needsVhostUser: true },
    undefined,
  ],
  [
    'an ordinary port goes anywhere',
    { cells: [cell(0, [2, 3]), { ...cell(1, [6]), isPolled: true }] },
    { numa: wish(2, 16, OWN) },
    undefined,
  ],
  ...[
    [
      'functions that are on another cell',
      undefined,
      { cells: [1] },
      'has no room on cell 1, where virtual functions of physical network dc are',
    ],
    ['on one that has room, too', undefined, { cells: [0, 1] }, undefined],
    ['some of which nobody knows where', undefined, { cells: [1], elsewhere: true }, undefined],
    [
      'which is not enough where it is required',
      'required',
      { cells: [], elsewhere: true },
      'knows no cell where virtual functions',
    ],
    ['and of no matter where it is preferred', 'preferred', { cells: [1] }, undefined],
  ].map(([what, policy, dc, said]): [string, object, object, string | undefined] => [
    what as string,
    { cells: [cell(0, [2, 3]), cell(1, [6])], pciCells: { dc } },
    {
      numa: wish(2, 16, {
        ...OWN,
        ...(policy === undefined ? {} : { 'hw:pci_numa_affinity_policy': policy as string }),
      }),
      amounts: { vcpus: 0, memoryMiB: 0, diskGiB: 0, pciDevices: { dc: { direct: 1, macvtap: 0 } } },
    },
    said as string | undefined,
  ]),
  ['none', { cells: CELLS }, { numa: wish(3, 16, OWN) }, 'cell 0 has 2 of 2 dedicated CPUs free, 3 wanted; cell 1'],
])('%s', (_, facts, request, said) => {
  const why = refusalOf(numaTopologyFilter, facts, request)
  if (said === undefined) expect(why).toBeUndefined()
  else expect(why).toContain(said)
})

test('it is in every profile, and nobody without a wish is asked about each node', () => {
  expect(DEFAULT_POLICY.filters).toContain(numaTopologyFilter)
  expect(numaTopologyFilter.asks(placementRequest())).toBe(false)
})

describe('a claim', () => {
  const amounts = { vcpus: 0, memoryMiB: 0, diskGiB: 0 }
  const place = (s: Scheduler, uid: string, vcpus: number, specs: Record<string, string>) =>
    s.place(placementRequest({ uid, amounts, numa: wish(vcpus, 16, specs) }))
  test('has its cells and CPUs from the moment it is chosen, and gives them back', () => {
    const s = new Scheduler()
    s.putNode(nodeFacts({ cells: CELLS }))
    const first = place(s, 'u1', 2, OWN)
    const numa = { cells: [{ hostCell: 0, vcpus: [0, 1], memoryMiB: 16, cpus: [2, 3] }] }
    expect(first).toMatchObject({ ok: true, numa })
    expect(s.findClaim('u1')).toEqual([{ node: 'n1', amounts, isBuilding: true, numa }])
    expect(place(s, 'u2', 2, OWN)).toMatchObject({ numa: { cells: [{ hostCell: 1, cpus: [6, 7] }] } })
    expect(place(s, 'u3', 1, OWN)).toMatchObject({
      ok: false,
      why: expect.stringContaining('NUMATopologyFilter 1 (n1 cell 0 has 0 of 2'),
    })
    s.confirm('u1', [{ node: 'n1', amounts, numa: structuredClone(numa) }])
    expect(place(s, 'u3', 1, OWN).ok).toBe(false)
    s.forget('u1')
    expect(place(s, 'u3', 1, OWN)).toMatchObject({ numa: { cells: [{ hostCell: 0, cpus: [2] }] } })
    expect(place(s, 'u3', 2, { ...OWN, 'hw:numa_nodes': '2' }).ok).toBe(false)
    s.forget('u2')
    expect(place(s, 'u3', 2, { ...OWN, 'hw:numa_nodes': '2' })).toMatchObject({ ok: true })
  })

  test('is where the switch polls, though another cell has more left', () => {
    const s = new Scheduler()
    s.putNode(nodeFacts({ vhostUser: true, cells: [cell(0, [2, 3]), { ...cell(1, [6]), isPolled: true }] }))
    const asked = placementRequest({ amounts, numa: wish(1, 16, OWN), needsVhostUser: true })
    expect(s.place(asked)).toMatchObject({ numa: { cells: [{ hostCell: 1, cpus: [6] }] } })
    expect(s.place({ ...asked, needsVhostUser: false })).toMatchObject({
      numa: { cells: [{ hostCell: 0, cpus: [2] }] },
    })
  })

  test('of a trial takes nothing of what there is', () => {
    const s = new Scheduler()
    s.putNode(nodeFacts({ cells: CELLS }))
    place(s, 'u1', 2, OWN)
    const trial = s.fork()
    expect(trial.place(placementRequest({ uid: 'u2', amounts, numa: wish(2, 16, OWN) })).ok).toBe(true)
    trial.forget('u1')
    expect(place(s, 'u3', 1, OWN)).toMatchObject({ numa: { cells: [{ hostCell: 1 }] } })
    s.forget('u3')
    expect(s.nodes.find('n1')?.cellUses.size).toBe(1)
  })

  test('is kept where the size changes in place', () => {
    const s = new Scheduler()
    s.putNode(nodeFacts({ cells: CELLS }))
    place(s, 'u1', 2, OWN)
    expect(s.resize('n1', placementRequest({ uid: 'u1', amounts: { ...amounts, diskGiB: 1 } }))).toBeUndefined()
    expect(s.findClaim('u1')).toMatchObject([{ amounts: { diskGiB: 1 }, numa: { cells: [{ cpus: [2, 3] }] } }])
    place(s, 'u2', 2, OWN)
    expect(place(s, 'u3', 1, OWN).ok).toBe(false)
  })

  test('nothing is promised twice, and what is free is given', () => {
    const step = fc.record({
      uid: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      forget: fc.boolean(),
      vcpus: fc.constantFrom(2, 4),
      specs: fc.record(
        {
          'hw:numa_nodes': fc.constantFrom('1', '2'),
          'hw:cpu_policy': fc.constantFrom('dedicated', 'shared'),
          'hw:mem_page_size': fc.constantFrom('2MB', 'small'),
        },
        { requiredKeys: ['hw:numa_nodes'] },
      ),
    })
    const cells = fc.uniqueArray(fc.constantFrom(0, 1, 2), { minLength: 1 }).map((ids) =>
      ids.map((id): HostCell => ({
        ...{ id, sharedCpus: 2, memoryMiB: 20, hugepages: [{ sizeKiB: 2048, count: 8 }] },
        cores: [
          [id * 10, id * 10 + 1],
          [id * 10 + 2, id * 10 + 3],
        ],
      })),
    )
    fc.assert(
      fc.property(cells, fc.array(step, { maxLength: 12 }), (host, steps) => {
        const s = new Scheduler()
        s.putNode(nodeFacts({ cells: host }))
        for (const { uid, forget, vcpus, specs } of steps) {
          if (forget) s.forget(uid)
          else {
            const others = ['a', 'b', 'c', 'd', 'e']
              .filter((one) => one !== uid)
              .flatMap((one) => s.findClaim(one) ?? [])
            const uses = usesOf(others.flatMap(({ numa }) => numa ?? []))
            const asked = wish(vcpus, 16, specs)
            const { ok } = s.place(placementRequest({ uid, amounts, numa: asked }))
            // Cells that one of its cells fits on, counted by hand: all of its cells are alike, so that there have to be as many.
            const { vcpus: own, memoryMiB } = asked.cells[0]!
            const fitting = host.filter(({ id, cores, sharedCpus }) => {
              const use = uses.get(id)
              const free = cores.flat().filter((cpu) => use?.cpus.has(cpu) !== true).length
              const cpus = asked.dedicated
                ? free >= own.length
                : own.length <= sharedCpus && (use?.sharedVcpus ?? 0) + own.length <= 8
              const pages = (use?.pages.get(2048) ?? 0) + memoryMiB / 2 <= 8
              return cpus && (asked.hugepages ? pages : (use?.memoryMiB ?? 0) + memoryMiB <= 20)
            })
            expect(ok).toBe(fitting.length >= asked.cells.length)
          }
          const placed = ['a', 'b', 'c', 'd', 'e']
            .flatMap((one) => s.findClaim(one) ?? [])
            .flatMap(({ numa }) => numa ?? [])
          const cpus = placed.flatMap((one) => one.cells.flatMap((at) => at.cpus ?? []))
          expect(new Set(cpus).size).toBe(cpus.length)
          for (const one of placed) expect(new Set(one.cells.map((at) => at.hostCell)).size).toBe(one.cells.length)
          for (const use of usesOf(placed).values()) {
            expect(use.memoryMiB).toBeLessThanOrEqual(20)
            expect(use.pages.get(2048) ?? 0).toBeLessThanOrEqual(8)
          }
          expect(s.nodes.find('n1')?.cellUses).toEqual(usesOf(placed))
        }
      }),
      { numRuns: 1000 },
    )
  })
})
