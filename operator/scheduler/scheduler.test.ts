// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { guestOverheadMiB } from '../../lib/node-room.ts'
import { amountsOf } from './nodes/amounts.ts'
import { chooseNode } from './choose.ts'
import { explainSuccess } from './explanation.ts'
import type { Filter } from './filters/filter.ts'
import type { PlacementRequest } from './filters/request.ts'
import type { NodeFacts } from './nodes/node-facts.ts'
import { NodeTable } from './nodes/node-table.ts'
import { DEFAULT_POLICY, policyOf } from './policy.ts'
import { Scheduler, type Claim } from './scheduler.ts'

const node = (name: string, over: Partial<NodeFacts> = {}): NodeFacts => ({
  name,
  up: true,
  hypervisor: 'libvirt',
  acceleration: 'qemu',
  capacity: { vcpus: 2, memoryMiB: 4096, diskGiB: 40 },
  ...over,
})
const request = (over: Partial<PlacementRequest> = {}): PlacementRequest => ({
  uid: 'u1',
  amounts: { vcpus: 1, memoryMiB: 1024, diskGiB: 10 },
  excluded: new Map(),
  requireKvm: false,
  needsVhostUser: false,
  ...over,
})
function tableOf(...nodes: NodeFacts[]): NodeTable {
  const table = new NodeTable()
  for (const n of nodes) table.put(n)
  return table
}

describe('filters', () => {
  test.each([
    ['ComputeFilter', node('a', { up: false }), request(), 'a is down'],
    ['ComputeFilter', node('a', { hypervisor: undefined }), request(), 'a runs no machines'],
    ['ComputeFilter', node('a', { closed: 'is closed for maintenance' }), request(), 'a is closed for maintenance'],
    ['RetryFilter', node('a'), request({ excluded: new Map([['a', 'refused it']]) }), 'a refused it'],
    ['AvailabilityZoneFilter', node('a', { zone: 'z1' }), request({ availabilityZone: 'z2' }), 'a is in zone z1'],
    ['DpdkFilter', node('a'), request({ needsVhostUser: true }), 'a has no DPDK switch for vhost-user ports'],
    [
      'ProviderNetworkFilter',
      node('a', { physicalNetworks: ['x'] }),
      request({ physicalNetworks: ['x', 'y'] }),
      'a is not connected to physical network y',
    ],
    [
      'ProviderNetworkFilter',
      node('a'),
      request({ physicalNetworks: ['x'] }),
      'a is not connected to physical network x',
    ],
    ['ComputeCapabilitiesFilter', node('a'), request({ requireKvm: true }), 'a has no KVM'],
    [
      'RamFilter',
      node('a'),
      request({ amounts: { vcpus: 1, memoryMiB: 4097, diskGiB: 1 } }),
      "a has 4096 of 4096 MiB of memory free, 4097 wanted with QEMU's own",
    ],
    [
      'RamFilter',
      node('a', { reserved: { cpus: 0, memoryMiB: 512, diskGiB: 0 }, perMachineMiB: 256 }),
      request({ amounts: { vcpus: 1, memoryMiB: 4000, diskGiB: 1 } }),
      "a has 4096 of 4096 MiB of memory free, 4256 wanted with QEMU's own; spec.reserved keeps 512 for the host",
    ],
    [
      'CoreFilter',
      node('a', { reserved: { cpus: 2, memoryMiB: 512, diskGiB: 5 } }),
      request({ amounts: { vcpus: 9, memoryMiB: 1, diskGiB: 1 } }),
      'a has 8 of 8 vCPUs free, 9 wanted; spec.reserved keeps 2 for the host',
    ],
    [
      'DiskFilter',
      node('a', { reserved: { cpus: 2, memoryMiB: 512, diskGiB: 5 } }),
      request({ amounts: { vcpus: 1, memoryMiB: 1, diskGiB: 41 } }),
      'a has 40 of 40 GiB of disk free, 41 wanted; spec.reserved keeps 5 for the host',
    ],
    [
      'BandwidthFilter',
      node('a', { physicalNetworks: ['dc'], bandwidth: { dc: { egressKbps: 5_000, ingressKbps: 9_000 } } }),
      request({
        amounts: { vcpus: 1, memoryMiB: 1, diskGiB: 1, bandwidth: { dc: { egressKbps: 5_001, ingressKbps: 0 } } },
      }),
      'a has 5000 of 5000 kbit/s of egress on physical network dc free, 5001 wanted',
    ],
    [
      'BandwidthFilter',
      node('a', { bandwidth: { other: { egressKbps: 5_000, ingressKbps: 9_000 } } }),
      request({
        amounts: { vcpus: 1, memoryMiB: 1, diskGiB: 1, bandwidth: { dc: { egressKbps: 0, ingressKbps: 1 } } },
      }),
      'a has 0 of 0 kbit/s of ingress on physical network dc free, 1 wanted',
    ],
    ...(
      [
        [
          { direct: 2, macvtap: 0 },
          'a has 1 of 1 virtual functions for vnicType direct of physical network dc free, 2 wanted',
        ],
        [
          { direct: 0, macvtap: 4 },
          'a has 3 of 3 virtual functions for vnicType macvtap of physical network dc free, 4 wanted',
        ],
        [{ direct: 1, macvtap: 3 }, 'a has 3 of 3 virtual functions of physical network dc free, 4 wanted'],
      ] as const
    ).map(
      ([dc, example]) =>
        [
          'PciPassthroughFilter',
          node('a', { pciDevices: { dc: { count: 3, direct: 1, macvtap: 3 } } }),
          request({ amounts: { vcpus: 1, memoryMiB: 1, diskGiB: 1, pciDevices: { dc } } }),
          example,
        ] as const,
    ),
    [
      'CoreFilter',
      node('a'),
      request({ amounts: { vcpus: 9, memoryMiB: 1, diskGiB: 1 } }),
      'a has 8 of 8 vCPUs free, 9 wanted',
    ],
    [
      'DiskFilter',
      node('a'),
      request({ amounts: { vcpus: 1, memoryMiB: 1, diskGiB: 41 } }),
      'a has 40 of 40 GiB of disk free, 41 wanted',
    ],
  ])('%s refuses and says why', (name, facts, wanted, example) => {
    const choice = chooseNode(tableOf(facts), wanted)
    expect(choice.ok).toBe(false)
    expect(choice.explanation.filters).toEqual([{ name, refused: 1, example }])
  })

  test('no node at all says which label is missing', () => {
    const choice = chooseNode(tableOf(), request())
    expect(choice).toMatchObject({ ok: false, why: expect.stringContaining('nephele.dev/compute') })
  })
})

describe('explanation', () => {
  test.each([
    [160, 0],
    [161, 1],
  ])('of %i letters is kept whole, or cut at the end', (length, cut) => {
    const name = 'n'.repeat(length - ' is down'.length)
    const [{ example } = { example: '' }] = chooseNode(tableOf(node(name, { up: false })), request()).explanation
      .filters
    expect([example.length, example.endsWith('…')]).toEqual([160, cut === 1])
  })

  test('stays below 1 KiB with long names and every filter refusing', () => {
    const long = (i: number) => `${'n'.repeat(240)}${i}`
    const table = tableOf(
      node(long(1), { up: false }),
      node(long(2), { zone: 'x' }),
      node(long(3), { zone: 'z', capacity: { vcpus: 1, memoryMiB: 1, diskGiB: 0 } }),
      node(long(4), {
        zone: 'z',
        acceleration: 'kvm',
        vhostUser: true,
        physicalNetworks: ['phys'],
        capacity: { vcpus: 1, memoryMiB: 1, diskGiB: 0 },
      }),
      node(long(5), {
        zone: 'z',
        acceleration: 'kvm',
        vhostUser: true,
        physicalNetworks: ['phys'],
        capacity: { vcpus: 0, memoryMiB: 9999, diskGiB: 0 },
      }),
      node(long(9), {
        ...{ zone: 'z', acceleration: 'kvm', vhostUser: true, physicalNetworks: ['phys'] },
        capacity: { vcpus: 9, memoryMiB: 9999, diskGiB: 99 },
      }),
      node(long(8), { zone: 'z', acceleration: 'kvm', vhostUser: true, physicalNetworks: ['other'] }),
      node(long(7), { zone: 'z', acceleration: 'kvm', vhostUser: false }),
      node(long(6), {
        zone: 'z',
        acceleration: 'kvm',
        vhostUser: true,
        physicalNetworks: ['phys'],
        capacity: { vcpus: 1, memoryMiB: 9999, diskGiB: 0 },
      }),
    )
    const wanted = request({
      availabilityZone: 'z',
      requireKvm: true,
      needsVhostUser: true,
      physicalNetworks: ['phys'],
      amounts: {
        ...{ vcpus: 1, memoryMiB: 1024, diskGiB: 10 },
        bandwidth: { phys: { egressKbps: 1, ingressKbps: 1 } },
      },
    })
    const { explanation } = chooseNode(table, wanted)
    expect(explanation.filters.length).toBe(9)
    expect(explanation.filters.filter((f) => f.example !== '').length).toBe(3)
    expect(Buffer.byteLength(JSON.stringify(explanation))).toBeLessThanOrEqual(1024)
  })

  test.each([
    ['in ASCII', 'x', 253],
    ['in letters of three bytes', '語', 253],
  ])('stays there with all that a profile may add %s', (_, letter, length) => {
    const own = Array.from({ length: 8 }, (_, i): Filter => {
      const refuse = ({ name }: { name: string }) => (name.startsWith(`n${i}`) ? letter.repeat(200) : undefined)
      return { name: `${'F'.repeat(62)}${i}`, by: 'row', turnedBy: [], asks: () => true, refuse }
    })
    const names = Array.from({ length: 9 }, (_, i) => `n${i}${'n'.repeat(length - 2)}`)
    const policy = policyOf(own, DEFAULT_POLICY.weighers)
    const { explanation } = chooseNode(tableOf(...names.map((name) => node(name))), request(), policy)
    expect(explanation.node).toBe(names[8])
    expect(Buffer.byteLength(JSON.stringify(explanation))).toBeLessThanOrEqual(1024)
    const kept = explanation.filters.filter(({ example }) => example !== '')
    expect(kept.map(({ name, refused }) => [name.at(-1), refused])).toEqual([
      ['7', 1],
      ['6', 1],
      ['5', 1],
    ])
  })

  test('a placement in a line', () => {
    const base = { total: 3, evaluated: 3, node: 'a' }
    expect(explainSuccess({ ...base, filters: [] })).toBe('placed on node a, one of 3')
    const filters = [{ name: 'RamFilter', refused: 2, example: 'b has no room' }]
    expect(explainSuccess({ ...base, filters })).toBe('placed on node a, one of 3; refused by RamFilter 2')
  })
})

describe('placement', () => {
  const full = { vcpus: 8, memoryMiB: 4096, diskGiB: 40 }
  test.each([
    ['memory', { a: { memoryMiB: 3000 }, b: { memoryMiB: 2000 }, c: { memoryMiB: 2500 } }, 'b', 3000],
    ['CPUs', { a: { vcpus: 1 }, b: { vcpus: 2 }, c: { vcpus: 4 } }, 'a', 3000],
    ['disk', { a: { diskGiB: 3 }, b: { diskGiB: 2 }, c: { diskGiB: 1 } }, 'c', 3000],
    ['two of three', { a: { vcpus: 4 }, b: { memoryMiB: 2000, diskGiB: 9 }, c: { vcpus: 4, diskGiB: 3 } }, 'a', 2500],
    ['all in part', { a: { vcpus: 4 }, b: { vcpus: 2, diskGiB: 4 }, c: { vcpus: 0, diskGiB: 16 } }, 'b', 2650],
  ] as [string, Record<string, Partial<typeof full>>, string, number][])(
    'goes to the node with the most room: %s',
    (_, used, winner, score) => {
      const scheduler = new Scheduler()
      for (const [name, use] of Object.entries(used)) {
        scheduler.putNode(node(name, { capacity: { ...full, vcpus: 2 } }))
        scheduler.confirm(`on-${name}`, [{ node: name, amounts: { vcpus: 0, memoryMiB: 0, diskGiB: 0, ...use } }])
      }
      const { explanation } = scheduler.place(request())
      expect(explanation).toEqual({ node: winner, score, total: 3, evaluated: 3, filters: [] })
    },
  )

  test('two equal machines land on different nodes', () => {
    const scheduler = new Scheduler()
    scheduler.putNode(node('a'))
    scheduler.putNode(node('b'))
    const first = scheduler.place(request({ uid: 'u1' }))
    const second = scheduler.place(request({ uid: 'u2' }))
    expect([first.ok && first.node, second.ok && second.node].sort()).toEqual(['a', 'b'])
  })

  test('an assumed claim survives an older view, is confirmed by a newer one, and goes with the machine', () => {
    const scheduler = new Scheduler()
    scheduler.putNode(node('a'))
    scheduler.place(request())
    scheduler.confirm('u1', [])
    expect(scheduler.nodes.find('a')?.usedMemoryMiB).toBe(1024)
    scheduler.confirm('u1', [{ node: 'a', amounts: { vcpus: 2, memoryMiB: 2048, diskGiB: 10 } }])
    expect(scheduler.nodes.find('a')?.usedMemoryMiB).toBe(2048)
    scheduler.forget('u1')
    expect(scheduler.nodes.find('a')).toMatchObject({ usedMemoryMiB: 0, usedVcpus: 0, instances: 0 })
  })

  test('claims on a node that is not known yet count when it appears', () => {
    const scheduler = new Scheduler()
    scheduler.confirm('u1', [{ node: 'a', amounts: { vcpus: 1, memoryMiB: 4096, diskGiB: 1 } }])
    scheduler.putNode(node('a'))
    expect(scheduler.place(request({ uid: 'u2' })).ok).toBe(false)
  })

  test('a machine counts with what QEMU takes, and with the code of its guest where that is emulated', () => {
    const flavor = { vcpus: 2, memoryMiB: 1024, rootDiskGiB: 1, ephemeralGiB: 0, swapMiB: 0 }
    const amounts = amountsOf(flavor)
    expect(amounts.memoryMiB).toBe(1024 + guestOverheadMiB(flavor))
    const scheduler = new Scheduler()
    const fits = { vcpus: 8, memoryMiB: 2 * (amounts.memoryMiB + 256), diskGiB: 40 }
    scheduler.putNode(node('a', { capacity: fits, perMachineMiB: 256 }))
    for (const uid of ['u1', 'u2']) expect(scheduler.place(request({ uid, amounts })).ok).toBe(true)
    expect(scheduler.nodes.find('a')).toMatchObject({ memoryMiB: fits.memoryMiB, usedMemoryMiB: fits.memoryMiB })
    const tiny = { vcpus: 1, memoryMiB: 1, diskGiB: 1 }
    expect(scheduler.place(request({ uid: 'u3', amounts: tiny })).ok).toBe(false)
    scheduler.forget('u2')
    expect(scheduler.nodes.find('a')?.usedMemoryMiB).toBe(fits.memoryMiB / 2)
  })

  test('disks count together, swap by begun GiB', () => {
    const flavor = { vcpus: 1, memoryMiB: 256, rootDiskGiB: 0, ephemeralGiB: 2, swapMiB: 100 }
    const amounts = amountsOf(flavor)
    const of = (dedicatedCpus: boolean, hugepages: boolean) => amountsOf(flavor, { dedicatedCpus, hugepages })
    expect(of(true, false)).toEqual({ ...amounts, vcpus: 0 })
    expect(of(false, true)).toEqual({ ...amounts, memoryMiB: amounts.memoryMiB - flavor.memoryMiB })
    expect(amountsOf({ ...flavor, rootDiskGiB: 3 }).diskGiB).toBe(3 + 2 + 1)
    expect(amountsOf(flavor).diskGiB).toBe(2 + 1)
  })
})

describe('properties', () => {
  const amounts = fc.record({
    vcpus: fc.integer({ min: 1, max: 4 }),
    memoryMiB: fc.integer({ min: 64, max: 2048 }),
    diskGiB: fc.integer({ min: 0, max: 20 }),
  })
  const step = fc.oneof(
    fc.record({ do: fc.constant('place' as const), uid: fc.integer({ min: 0, max: 30 }), amounts }),
    fc.record({ do: fc.constant('forget' as const), uid: fc.integer({ min: 0, max: 30 }) }),
    fc.record({ do: fc.constant('down' as const), node: fc.integer({ min: 0, max: 3 }) }),
    fc.record({ do: fc.constant('up' as const), node: fc.integer({ min: 0, max: 3 }) }),
    fc.record({ do: fc.constant('gone' as const), node: fc.integer({ min: 0, max: 3 }) }),
  )

  test('never over capacity; incremental equals rebuilt; same input same choice', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const scheduler = new Scheduler()
        const alive = new Map<string, NodeFacts>()
        const claims = new Map<string, Claim[number]>()
        for (const s of steps) {
          if (s.do === 'place') {
            const uid = `u${s.uid}`
            const choice = scheduler.place(request({ uid, amounts: s.amounts }))
            if (choice.ok) claims.set(uid, { node: choice.node, amounts: s.amounts, isBuilding: true })
            else claims.delete(uid)
          } else if (s.do === 'forget') {
            scheduler.forget(`u${s.uid}`)
            claims.delete(`u${s.uid}`)
          } else if (s.do === 'gone') {
            scheduler.removeNode(`n${s.node}`)
            alive.delete(`n${s.node}`)
          } else {
            const facts = node(`n${s.node}`, { up: s.do === 'up' })
            scheduler.putNode(facts)
            alive.set(facts.name, facts)
          }
        }
        const rebuilt = new Scheduler()
        for (const [uid, claim] of [...claims].reverse()) rebuilt.confirm(uid, [claim])
        for (const facts of [...alive.values()].reverse()) rebuilt.putNode(facts)
        for (const name of alive.keys()) {
          const [a, b] = [scheduler.nodes.find(name)!, rebuilt.nodes.find(name)!]
          for (const key of ['usedVcpus', 'usedMemoryMiB', 'usedDiskGiB', 'instances', 'vcpus', 'up'] as const)
            expect(a[key]).toBe(b[key])
          expect(a.usedVcpus).toBeLessThanOrEqual(a.vcpus)
          expect(a.usedMemoryMiB).toBeLessThanOrEqual(a.memoryMiB)
          expect(a.usedDiskGiB).toBeLessThanOrEqual(a.diskGiB)
        }
        const next = request({ uid: 'next' })
        expect(chooseNode(scheduler.nodes, next)).toEqual(chooseNode(rebuilt.nodes, next))
      }),
      { numRuns: 150 },
    )
  })
})
