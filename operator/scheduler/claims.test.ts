// SPDX-License-Identifier: Apache-2.0
// What claims take and give back: the second attempt, the view that is behind, the node that goes while machines are on it.
import { describe, expect, test } from '@jest/globals'
import type { PlacementRequest } from './filters/request.ts'
import type { NodeFacts } from './nodes/node-facts.ts'
import { NodeTable } from './nodes/node-table.ts'
import { Scheduler } from './scheduler.ts'

const ONE = { vcpus: 1, memoryMiB: 1024, diskGiB: 10 }
const node = (name: string, more: Partial<NodeFacts> = {}): NodeFacts => ({
  ...{ name, up: true, hypervisor: 'libvirt', acceleration: 'qemu' },
  capacity: { vcpus: 4, memoryMiB: 4096, diskGiB: 40 },
  ...more,
})
const request = (uid: string, more: Partial<PlacementRequest> = {}): PlacementRequest => ({
  ...{ uid, amounts: ONE, excluded: new Map(), requireKvm: false, needsVhostUser: false },
  ...more,
})
/** Room for two machines of this size. */
const BIG = { vcpus: 1, memoryMiB: 1024, diskGiB: 20 }
function scheduler(...nodes: NodeFacts[]): Scheduler {
  const made = new Scheduler()
  for (const one of nodes) made.putNode(one)
  return made
}
const place = (s: Scheduler, uid: string, amounts = BIG) => {
  const choice = s.place(request(uid, { amounts }))
  return choice.ok && choice.node
}

describe('a claim', () => {
  test('of a second attempt takes the place of the first', () => {
    const s = scheduler(node('a'))
    for (let i = 0; i < 3; i++) expect(place(s, 'u1')).toBe('a')
    expect([place(s, 'u2'), place(s, 'u3')]).toEqual(['a', false])
  })
  test('that came to nothing leaves nothing, not even the first', () => {
    const s = scheduler(node('a'))
    place(s, 'u1')
    expect(place(s, 'u1', { ...BIG, diskGiB: 41 })).toBe(false)
    expect([place(s, 'u2'), place(s, 'u3')]).toEqual(['a', 'a'])
    expect(s.findClaim('u1')).toBeUndefined()
  })
  test('that is assumed stands against a view without a node, once it was stored no longer', () => {
    const s = scheduler(node('a'))
    place(s, 'u1')
    s.confirm('u1', [])
    expect(s.findClaim('u1')).toEqual([{ node: 'a', amounts: BIG, isBuilding: true }])
    s.confirm('u1', [{ node: 'a', amounts: BIG }])
    s.confirm('u1', [])
    expect(s.findClaim('u1')).toBeUndefined()
    expect([place(s, 'u2'), place(s, 'u3')]).toEqual(['a', 'a'])
  })
  test('that is forgotten is assumed no longer', () => {
    const s = scheduler(node('a'))
    place(s, 'u1')
    s.forget('u1')
    s.confirm('u1', [{ node: 'a', amounts: BIG }])
    s.confirm('u1', [])
    expect(s.findClaim('u1')).toBeUndefined()
  })
})

describe('bandwidth of a physical network', () => {
  const dc = (egressKbps: number, ingressKbps = 0) => ({ dc: { egressKbps, ingressKbps } })
  const wide = () => scheduler(node('a', { physicalNetworks: ['dc'], bandwidth: dc(10_000, 5_000) }))
  const on = (s: Scheduler, uid: string, egress: number, ingress = 0) =>
    s.place(request(uid, { amounts: { ...ONE, bandwidth: dc(egress, ingress) } })).ok
  test('is shared by machines in each direction, and free again when one goes', () => {
    const s = wide()
    expect([on(s, 'u1', 6_000), on(s, 'u2', 4_001), on(s, 'u3', 4_000, 5_000), on(s, 'u4', 0, 1)]).toEqual([
      ...[true, false, true, false],
    ])
    s.forget('u1')
    expect([on(s, 'u5', 6_000), s.nodes.find('a')?.usedBandwidth]).toEqual([true, dc(10_000, 5_000)])
    for (const uid of ['u3', 'u5']) s.forget(uid)
    expect(s.nodes.find('a')?.usedBandwidth).toBeUndefined()
  })
  test('changes in place where it fits; less always does', () => {
    const s = wide()
    for (const uid of ['u1', 'u2']) on(s, uid, 5_000)
    const resize = (egress: number) => s.resize('a', request('u1', { amounts: { ...ONE, bandwidth: dc(egress) } }))
    expect(resize(5_001)).toBe('has 5000 of 10000 kbit/s of egress on physical network dc free, 5001 wanted')
    expect(s.nodes.find('a')?.usedBandwidth).toEqual(dc(10_000))
    s.putNode(node('a', { physicalNetworks: ['dc'], bandwidth: dc(1_000) }))
    expect([resize(4_000), resize(4_001)]).toEqual([undefined, expect.stringContaining('0 of 1000')])
    expect(s.nodes.find('a')?.usedBandwidth).toEqual(dc(9_000))
  })
  test('that is overdrawn refuses those alone that ask for some of it', () => {
    const s = wide()
    on(s, 'u1', 0, 5_000)
    s.putNode(node('a', { physicalNetworks: ['dc'], bandwidth: dc(10_000, 1_000) }))
    expect([on(s, 'u2', 1_000), on(s, 'u3', 1_000, 1)]).toEqual([true, false])
  })
})

describe('virtual functions of a physical network', () => {
  const dc = (direct: number, macvtap = 0) => ({ dc: { direct, macvtap } })
  const pciDevices = { dc: { count: 3, direct: 2, macvtap: 2 } }
  const on = (s: Scheduler, uid: string, direct: number, macvtap = 0) =>
    s.place(request(uid, { amounts: { ...ONE, pciDevices: dc(direct, macvtap) } })).ok
  test('are one machine’s each, of a kind and together, and free again when one goes', () => {
    const s = scheduler(node('a', { pciDevices }))
    expect([on(s, 'u1', 2), on(s, 'u2', 1), on(s, 'u2', 0, 2), on(s, 'u2', 0, 1)]).toEqual([true, false, false, true])
    expect(s.nodes.find('a')?.usedPciDevices).toEqual(dc(2, 1))
    s.forget('u1')
    expect([on(s, 'u3', 1, 1), on(s, 'u4', 1)]).toEqual([true, false])
    for (const uid of ['u2', 'u3']) s.forget(uid)
    expect(s.nodes.find('a')?.usedPciDevices).toBeUndefined()
  })
  test('are given back in place, also where there are fewer by now', () => {
    const s = scheduler(node('a', { pciDevices }))
    on(s, 'u1', 2, 1)
    s.putNode(node('a', { pciDevices: { dc: { count: 1, direct: 1, macvtap: 1 } } }))
    const resize = (claim: ReturnType<typeof dc>) =>
      s.resize('a', request('u1', { amounts: { ...ONE, pciDevices: claim } }))
    expect([resize(dc(2)), resize(dc(2, 2))]).toEqual([undefined, expect.stringContaining('1 of 1')])
    expect(s.nodes.find('a')?.usedPciDevices).toEqual(dc(2))
  })
})

describe('another size where the machine stands', () => {
  const resize = (s: Scheduler, amounts: typeof BIG, uid = 'u1') => s.resize('a', request(uid, { amounts }))
  test('is claimed when there is room for the whole of it, and else the old claim stands', () => {
    const s = scheduler(node('a'))
    place(s, 'u1')
    expect(resize(s, { ...BIG, diskGiB: 40 })).toBeUndefined()
    expect(s.findClaim('u1')).toEqual([{ node: 'a', amounts: { ...BIG, diskGiB: 40 }, isBuilding: true }])
    expect(place(s, 'u2')).toBe(false)
    expect(resize(s, { ...BIG, diskGiB: 41 })).toContain('40 of 40 GiB')
    expect(s.findClaim('u1')).toEqual([{ node: 'a', amounts: { ...BIG, diskGiB: 40 }, isBuilding: true }])
    expect(resize(s, BIG)).toBeUndefined()
    expect(place(s, 'u2')).toBe('a')
  })
  test('that is smaller fits on a node that has less than it claims by now', () => {
    const s = scheduler(node('a'))
    place(s, 'u1')
    s.putNode(node('a', { capacity: { vcpus: 4, memoryMiB: 4096, diskGiB: 5 } }))
    for (const less of [BIG, { ...BIG, vcpus: 1, diskGiB: 10 }, { ...BIG, memoryMiB: 512, diskGiB: 10 }])
      expect(resize(s, less)).toBeUndefined()
    for (const [key, more] of Object.entries({ vcpus: 2, memoryMiB: 1025, diskGiB: 11 })) {
      s.confirm('u1', [{ node: 'a', amounts: { ...BIG, diskGiB: 10 } }])
      expect(resize(s, { ...BIG, diskGiB: 10, [key]: more })).toContain('GiB of disk free')
    }
  })
  test('keeps what the machine has elsewhere, and is none on a node that is not known', () => {
    const s = scheduler(node('a'), node('b'))
    s.confirm('u1', [
      { node: 'a', amounts: ONE },
      { node: 'b', amounts: BIG },
    ])
    expect(resize(s, BIG)).toBeUndefined()
    expect(s.findClaim('u1')).toEqual(
      expect.arrayContaining([
        { node: 'a', amounts: BIG },
        { node: 'b', amounts: BIG },
      ]),
    )
    expect(s.resize('c', request('u1', { amounts: BIG }))).toBe('is not known')
    expect(s.findClaim('u1')).toHaveLength(2)
    expect(place(s, 'u2')).toBeTruthy()
  })
})

describe('the table of nodes', () => {
  const names = (table: NodeTable) => table.list().map(({ name }) => name)
  test('keeps what is used on a node whose facts come, go and come again', () => {
    const table = new NodeTable()
    table.addUse('a', { amounts: ONE })
    expect([table.find('a'), names(table), table.size]).toEqual([undefined, [], 1])
    table.put(node('a'))
    expect([table.find('a')?.usedDiskGiB, table.find('a')?.instances, names(table)]).toEqual([10, 1, ['a']])
    table.remove('a')
    table.remove('never')
    expect([table.find('a'), names(table), table.size]).toEqual([undefined, [], 1])
    table.put(node('a'))
    expect([table.find('a')?.usedDiskGiB, table.find('a')?.instances]).toEqual([10, 1])
    table.removeUse('a', { amounts: ONE })
    table.removeUse('never', { amounts: ONE })
    table.remove('a')
    expect([table.size, names(table)]).toEqual([0, []])
  })
  test('keeps the failures of a node that is away while the build of its machine ends', () => {
    const s = scheduler()
    s.putNode(node('a'))
    s.confirm('u1', [{ node: 'a', amounts: ONE, isBuilding: true }])
    s.recordBuild('a', { failed: true })
    s.removeNode('a')
    s.confirm('u1', [{ node: 'a', amounts: ONE }])
    s.putNode(node('a'))
    expect(s.nodes.find('a')).toMatchObject({ failedBuilds: 1, ioOps: 0, instances: 1 })
  })
  test('grows, and gives rows to others, without mixing them up', () => {
    const s = scheduler()
    const many = Array.from({ length: 300 }, (_, i) => `n${i}`)
    for (const name of many) s.putNode(node(name, { zone: name }))
    const on = (name: string) => {
      const choice = s.place(request(`on ${name}`, { amounts: { ...BIG, diskGiB: 40 }, availabilityZone: name }))
      return choice.ok && choice.node
    }
    for (const name of many) expect(on(name)).toBe(name)
    for (const name of many) s.putNode(node(`more ${name}`, { zone: name }))
    for (const name of many.slice(0, 150)) {
      s.forget(`on ${name}`)
      s.removeNode(name)
    }
    // A new node gets an old one's row, and nothing of what was on it.
    for (const name of many.slice(0, 150)) s.putNode(node(`new ${name}`, { zone: `new ${name}` }))
    for (const name of many.slice(0, 150)) {
      expect(
        s.place(request(`u ${name}`, { amounts: { ...BIG, diskGiB: 40 }, availabilityZone: `new ${name}` })).ok,
      ).toBe(true)
    }
    for (const name of many.slice(150)) {
      expect(s.resize(name, request(`x ${name}`, { amounts: ONE }))).toContain('0 of 40 GiB')
    }
  })
})
