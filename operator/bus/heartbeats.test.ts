// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, test } from '@jest/globals'
import { HeartbeatMonitor, largestGroup, toleratedSilence } from './heartbeats.ts'

let nowMs: number
let monitor: HeartbeatMonitor
let changes: string[]

const names = (count: number) => Array.from({ length: count }, (_, i) => `n${i}`)

beforeEach(() => {
  nowMs = 1_000_000
  changes = []
  monitor = new HeartbeatMonitor({ intervalMs: 10_000, missesBeforeDown: 3 }, () => nowMs)
  monitor.onChange((nodes) => changes.push(nodes.join(',')))
})

/** What an earlier leader knew: the first so many silent, the last so many never heard, the others up. */
function before(all: readonly string[], { silent = 0, never = 0 }): Map<string, 'up' | 'silent'> {
  const known = all.slice(0, all.length - never)
  return new Map(known.map((node, index) => [node, index < silent ? 'silent' : 'up']))
}

/** Lets time pass in steps of a second; nodes beat every ten seconds, each at its own second. */
function run(seconds: number, beating: readonly string[]): void {
  for (let s = 0; s < seconds; s++) {
    nowMs += 1_000
    for (const [index, node] of beating.entries()) {
      if ((nowMs / 1_000 + index) % 10 === 0) monitor.beat(node, 'boot-1')
    }
    monitor.tick()
  }
}

describe('one node', () => {
  test('is unknown, then up, then silent, then up again', () => {
    monitor.expect(['n0'])
    expect(monitor.pulse('n0')).toBe('unknown')
    run(10, ['n0'])
    expect(monitor.pulse('n0')).toBe('up')
    run(29, [])
    expect(monitor.pulse('n0')).toBe('up')
    run(12, [])
    expect(monitor.pulse('n0')).toBe('silent')
    expect(monitor.health()).toMatchObject({ healthy: true, silent: 1 })
    run(10, ['n0'])
    expect(monitor.pulse('n0')).toBe('up')
  })

  test('that is not expected is not heard', () => {
    monitor.beat('stranger', 'boot-1')
    expect(monitor.pulse('stranger')).toBe('unknown')
  })

  test('that comes back with another boot id is told of', () => {
    monitor.expect(['n0'])
    monitor.beat('n0', 'boot-1')
    monitor.beat('n0', 'boot-1')
    monitor.beat('n0', 'boot-2')
    expect(changes).toEqual(['n0', 'n0'])
    expect(monitor.bootId('n0')).toBe('boot-2')
  })
})

test('other settings count from when they came: nobody is silent for a beat that was due under the old ones', () => {
  monitor.expect(['n0', 'n1'])
  run(10, ['n0', 'n1'])
  run(8, [])
  monitor.configure({ intervalMs: 1_000, missesBeforeDown: 3 })
  run(1, [])
  expect([monitor.pulse('n0'), monitor.health().healthy]).toEqual(['up', true])
  nowMs += 500
  monitor.beat('n1', 'boot-1')
  run(2, [])
  expect([monitor.pulse('n0'), monitor.pulse('n1')]).toEqual(['silent', 'up'])
})

describe('the bus', () => {
  test.each([
    [1, 1],
    [3, 1],
    [9, 1],
    [10, 2],
    [100, 20],
  ])('of %i nodes %i may fall silent together', (count, tolerated) => expect(toleratedSilence(count)).toBe(tolerated))

  test.each([
    [3, 1, true],
    [3, 2, false],
    [10, 2, true],
    [10, 3, false],
    [50, 50, false],
  ])('%i nodes, %i silent at once: healthy %s', (count, silent, healthy) => {
    const all = names(count)
    monitor.expect(all)
    run(10, all)
    run(60, all.slice(silent))
    expect(monitor.health().healthy).toBe(healthy)
    for (const node of all.slice(0, silent)) expect(monitor.pulse(node)).toBe(healthy ? 'silent' : 'up')
  })

  test('no node changes state, however their beats were spread over the period', () => {
    const all = names(10)
    monitor.expect(all)
    run(10, all)
    changes = []
    run(120, [])
    expect(monitor.health()).toMatchObject({ healthy: false, reason: 'ManyNodesSilent' })
    expect(changes).toEqual([''])
    run(10, all)
    expect(monitor.health().healthy).toBe(true)
    expect(all.map((n) => monitor.pulse(n))).toEqual(all.map(() => 'up'))
  })

  test('nodes that die one after the other, in different periods, are nodes that died', () => {
    const all = names(4)
    monitor.expect(all)
    run(10, all)
    for (let dead = 1; dead <= 3; dead++) run(60, all.slice(dead))
    expect(monitor.health().healthy).toBe(true)
    expect(all.map((n) => monitor.pulse(n))).toEqual(['silent', 'silent', 'silent', 'up'])
  })

  test('those confirmed lost count no more', () => {
    const all = names(3)
    monitor.expect(all)
    run(10, all)
    run(60, all.slice(2))
    expect(monitor.health().healthy).toBe(false)
    monitor.forget('n0')
    run(1, all.slice(2))
    expect(monitor.health().healthy).toBe(true)
    expect(monitor.pulse('n1')).toBe('silent')
  })

  test('an operator that starts while some are down does not take them for fallen together', () => {
    const all = names(5)
    monitor.expect(all, before(all, { silent: 3 }))
    run(60, all.slice(3))
    expect(monitor.health().healthy).toBe(true)
    expect(monitor.pulse('n0')).toBe('silent')
  })

  test.each([
    // nodes that an earlier leader had as up, of these now without a beat, nodes nobody heard yet; is the bus at fault?
    [3, 0, 2, false],
    [3, 1, 2, false],
    [3, 1, 50, false],
    [3, 2, 0, true],
    [3, 2, 50, true],
    [50, 10, 5, false],
    [50, 11, 0, true],
    [0, 0, 4, false],
  ])('of %i that were up %i are dead, and %i were never heard: at fault %s', (up, dead, never, fault) => {
    const all = names(up + never)
    const alive = all.slice(dead, up)
    monitor.expect(all, before(all, { never }))
    run(10, alive)
    run(60, alive)
    expect([monitor.health().healthy, monitor.health().neverHeard]).toEqual([!fault, never])
    const [ofDead, ofNew] = fault ? ['unknown', 'unknown'] : ['silent', 'silent']
    expect(all.slice(0, dead).map((n) => monitor.pulse(n))).toEqual(Array(dead).fill(ofDead))
    expect(alive.map((n) => monitor.pulse(n))).toEqual(alive.map(() => 'up'))
    expect(all.slice(up).map((n) => monitor.pulse(n))).toEqual(Array(never).fill(ofNew))
  })

  test('two new nodes whose agents never start hide no death, then or an hour later', () => {
    const all = names(3)
    monitor.expect(all)
    run(60, all)
    monitor.expect([...all, 'new-1', 'new-2'])
    run(60, all)
    expect(monitor.health()).toMatchObject({ healthy: true, silent: 2, neverHeard: 2 })
    expect(monitor.health().message).toContain('2 were never heard')
    run(3600, all)
    run(45, all.slice(1))
    expect(all.map((n) => monitor.pulse(n))).toEqual(['silent', 'up', 'up'])
  })

  test('whatever nodes come, beat, die and go: a lone death is found in time, and never a mass of them', () => {
    const random = seeded(20261128)
    for (let round = 0; round < 60; round++) {
      monitor = new HeartbeatMonitor({ intervalMs: 10_000, missesBeforeDown: 3 }, () => nowMs)
      const old = names(3 + Math.floor(random() * 20))
      const never = Array.from({ length: Math.floor(random() * 30) }, (_, i) => `new${i}`)
      const come = Math.floor(random() * 60)
      monitor.expect(old)
      run(20 + come, old)
      monitor.expect([...old, ...never])
      run(Math.floor(random() * 120), old)
      const mass = random() < 0.5
      const dead = mass ? toleratedSilence(old.length) + 1 + Math.floor(random() * 3) : 1
      run(45, old.slice(dead))
      const seen = old.slice(0, dead).map((n) => monitor.pulse(n))
      expect({ round, dead, seen }).toEqual({ round, dead, seen: seen.map(() => (mass ? 'up' : 'silent')) })
      expect(old.slice(dead).every((n) => monitor.pulse(n) === 'up')).toBe(true)
    }
  })

  test('our own lost connection is no node’s silence, and afterwards each has its full time', () => {
    const all = names(1)
    monitor.expect(all)
    run(10, all)
    monitor.connected(false)
    run(120, [])
    monitor.connected(false)
    expect(monitor.health()).toMatchObject({ healthy: false, reason: 'Disconnected', silent: 1 })
    expect(monitor.pulse('n0')).toBe('up')
    monitor.connected(true)
    run(25, [])
    expect(monitor.pulse('n0')).toBe('up')
    run(20, [])
    expect(monitor.pulse('n0')).toBe('silent')
  })
})

test.each([
  [[], 0],
  [[5], 1],
  [[0, 10, 20], 2],
  [[0, 11, 22], 1],
  [[30, 0, 29, 31, 1], 3],
])('largestGroup(%j) is %i', (times, size) => expect(largestGroup(times, 10)).toBe(size))

/** Park and Miller: the same numbers each time. */
function seeded(seed: number): () => number {
  let state = seed % 2_147_483_647
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
}

describe('to the millisecond', () => {
  const at = (ms: number) => {
    nowMs = 1_000_000 + ms
    monitor.tick()
    return monitor.pulse('n0')
  }
  test('a node is silent beyond its limit, and told of once', () => {
    monitor.expect(['n0'])
    monitor.beat('n0', 'boot-1')
    expect(changes.splice(0)).toEqual(['n0'])
    expect([at(20_000), monitor.health().silent]).toEqual(['up', 0])
    expect([at(20_001), monitor.health().silent, monitor.health().message]).toEqual(['up', 1, '0 of 1 nodes are heard'])
    expect([at(30_000), at(30_001), at(30_002), at(90_000)]).toEqual(['up', 'silent', 'silent', 'silent'])
    expect(changes).toEqual(['n0'])
  })
  test('with two misses allowed nobody is suspected before one and a half periods', () => {
    monitor.configure({ intervalMs: 10_000, missesBeforeDown: 2 })
    monitor.expect(['n0'])
    monitor.beat('n0', 'boot-1')
    expect([at(15_000), monitor.health().silent]).toEqual(['up', 0])
    expect([at(15_001), monitor.health().silent]).toEqual(['up', 1])
    expect([at(20_000), at(20_001)]).toEqual(['up', 'silent'])
  })
  test.each<[string, () => void, string]>([
    ['the same settings again', () => monitor.configure({ intervalMs: 10_000, missesBeforeDown: 3 }), 'silent'],
    ['another interval', () => monitor.configure({ intervalMs: 10_001, missesBeforeDown: 3 }), 'up'],
    ['another number of misses', () => monitor.configure({ intervalMs: 10_000, missesBeforeDown: 4 }), 'up'],
    ['a connection that was there all the time', () => monitor.connected(true), 'silent'],
    ['a connection that came back', () => [false, true].forEach((is) => monitor.connected(is)), 'up'],
  ])('%s: a node of before is %s', (_, happens, pulse) => {
    monitor.expect(['n0'])
    monitor.beat('n0', 'boot-1')
    at(29_000)
    happens()
    expect(at(30_001)).toBe(pulse)
  })
  test('nodes that were never heard are counted apart, and told of without a change of any', () => {
    monitor.expect(['n0', 'n1', 'n2'], new Map([['n0', 'up']]))
    monitor.beat('n0', 'boot-1')
    at(25_000)
    monitor.beat('n0', 'boot-1')
    changes = []
    expect(at(30_001)).toBe('up')
    expect(monitor.health()).toMatchObject({
      ...{ healthy: true, expected: 3, silent: 2, neverHeard: 2 },
      message: '1 of 3 nodes are heard, 2 were never heard: look at their agents',
    })
    expect(changes).toEqual(['n1,n2'])
  })
  test('its own age and boot are known from the first beat on', () => {
    monitor.expect(['n0'])
    nowMs += 5
    expect([monitor.ageMs('n0'), monitor.ageMs('x'), monitor.bootId('n0')]).toEqual([undefined, undefined, undefined])
    monitor.beat('n0', 'boot-1')
    nowMs += 7
    expect([monitor.ageMs('n0'), monitor.bootId('n0')]).toEqual([7, 'boot-1'])
  })
})
