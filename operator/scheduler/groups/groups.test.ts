// SPDX-License-Identifier: Apache-2.0
// Members of ServerGroups in the scheduler: claims count at once, go with the machine, and move with it.
import { describe, expect, test } from '@jest/globals'
import type { GroupPolicy } from '../filters/request.ts'
import { Scheduler } from '../scheduler.ts'
import { nodeFacts, placementRequest } from '../testing.ts'

const AMOUNTS = placementRequest().amounts
function cloud(names: readonly string[], vcpus = 4): Scheduler {
  const scheduler = new Scheduler()
  for (const name of names) scheduler.putNode(nodeFacts({ name, capacity: { vcpus, memoryMiB: 16_384, diskGiB: 400 } }))
  return scheduler
}
const NODES = ['a', 'b', 'c']
function place(s: Scheduler, uid: string, policy: GroupPolicy, most = 1, key = 'ns/g') {
  const choice = s.place(placementRequest({ uid, group: { key, policy, most } }))
  return choice.ok ? choice.node : choice.explanation.filters.map(({ name, example }) => `${name}: ${example}`).join()
}
const placeAll = (s: Scheduler, count: number, policy: GroupPolicy, most?: number) =>
  Array.from({ length: count }, (_, i) => place(s, `u${i}`, policy, most))

describe('anti-affinity', () => {
  test('each node gets one, and then none is left', () => {
    const s = cloud(NODES)
    expect(placeAll(s, 3, 'anti-affinity').sort()).toEqual(NODES)
    const full = 'ServerGroupAntiAffinityFilter: a has 1 of ServerGroup ns/g, which allows 1 on a node'
    expect(place(s, 'u3', 'anti-affinity')).toBe(full)
    s.forget('u1')
    expect(NODES).toContain(place(s, 'u3', 'anti-affinity'))
  })
  test('or as many as it says', () => {
    const s = cloud(NODES)
    expect(placeAll(s, 6, 'anti-affinity', 2).sort()).toEqual(['a', 'a', 'b', 'b', 'c', 'c'])
    expect(place(s, 'u6', 'anti-affinity', 2)).toContain('a has 2 of ServerGroup ns/g, which allows 2')
  })
  test('a machine that moves does not count against itself', () => {
    const s = cloud(['a'])
    expect([place(s, 'u1', 'anti-affinity'), place(s, 'u1', 'anti-affinity')]).toEqual(['a', 'a'])
  })
  test('other groups, and machines of none, are no members', () => {
    const s = cloud(['a'])
    place(s, 'u1', 'anti-affinity', 1, 'other/g')
    s.place(placementRequest({ uid: 'u2' }))
    expect(place(s, 'u3', 'anti-affinity')).toBe('a')
  })
  test('what was stored counts as what was chosen', () => {
    const s = cloud(['a'])
    s.confirm('u1', [{ node: 'a', amounts: AMOUNTS, group: 'ns/g' }])
    expect(place(s, 'u2', 'anti-affinity')).toContain('a has 1 of ServerGroup')
    s.confirm('u1', [])
    expect(place(s, 'u2', 'anti-affinity')).toBe('a')
  })
  test('a machine that grows is still a member', () => {
    const s = cloud(['a'])
    place(s, 'u1', 'anti-affinity')
    expect(s.resize('a', placementRequest({ amounts: { ...AMOUNTS, vcpus: 2 } }))).toBeUndefined()
    expect(place(s, 'u2', 'anti-affinity')).toContain('a has 1 of ServerGroup')
  })
})

describe('affinity', () => {
  test('all follow the first, until its node is full', () => {
    const s = cloud(NODES, 1)
    const placed = placeAll(s, 4, 'affinity')
    expect(new Set(placed).size).toBe(1)
    const reason = `has none of ServerGroup ns/g, whose members are together on ${placed[0]}`
    expect(place(s, 'u4', 'affinity')).toContain(reason)
    for (let i = 0; i < 4; i++) s.forget(`u${i}`)
    expect(NODES).toContain(place(s, 'u4', 'affinity'))
  })
  test('the only member may move', () => {
    const s = cloud(NODES)
    const first = place(s, 'u1', 'affinity')
    s.removeNode(first)
    expect(NODES.filter((name) => name !== first)).toContain(place(s, 'u1', 'affinity'))
  })
})

describe('the soft ones', () => {
  test('anti-affinity: apart as long as there are nodes, then anywhere', () => {
    const s = cloud(NODES)
    expect(placeAll(s, 3, 'soft-anti-affinity').sort()).toEqual(NODES)
    expect(placeAll(s, 6, 'soft-anti-affinity').sort()).toEqual(['a', 'a', 'b', 'b', 'c', 'c'])
  })
  test.each<[GroupPolicy, string]>([
    ['soft-affinity', 'a'],
    ['soft-anti-affinity', 'b'],
    ['affinity', 'a'],
    ['anti-affinity', 'b'],
  ])('%s decides between nodes that are the same otherwise', (policy, node) => {
    const s = cloud(['a', 'b'])
    s.confirm('u1', [{ node: 'a', amounts: AMOUNTS, group: 'ns/g' }])
    s.confirm('u2', [{ node: 'b', amounts: AMOUNTS }])
    for (let i = 0; i < 9; i++) {
      expect(place(s, `x${i}`, policy)).toBe(node)
      s.forget(`x${i}`)
    }
  })
})
