// SPDX-License-Identifier: Apache-2.0
import { beforeEach, expect, test } from '@jest/globals'
import type { DocumentKind, Orphan } from '../../lib/contract/documents.ts'
import { TerminalError, TransientError } from '../../lib/errors.ts'
import { createLogger } from '../../lib/log.ts'
import { FakeClock, settle } from '../../lib/time/fake-clock.ts'
import { OrphanList } from './orphan-list.ts'
import type { KindReconciler } from './reconciler.ts'

const THEN = '2026-01-01T00:00:00.000Z'
const MANY = 'everything of kind instance'
let clock: FakeClock
let stop: AbortController
let known: Set<string>
let list: OrphanList
/** What each place has, or how it fails; those that are missing do not answer. */
let places: Map<string, string[] | Error>
let looks: string[]
let changes: number
let end: Map<string, () => void>

beforeEach(() => {
  clock = new FakeClock()
  stop = new AbortController()
  known = new Set()
  ;[places, looks, changes, end] = [new Map(), [], 0, new Map()]
  list = new OrphanList({
    ...{ signal: stop.signal, clock, log: createLogger('test', 'silent') },
    isKnown: ({ kind, uid }) => known.has(`${kind}.${uid}`),
  })
})

async function look(kind: DocumentKind, place: string): Promise<Orphan[]> {
  looks.push(place)
  if (!places.has(place)) await new Promise<void>((resolve) => end.set(place, resolve))
  const has = places.get(place)!
  if (has instanceof Error) throw has
  return has.map((uid) => ({ kind, uid, what: `${uid} in ${place}` }))
}
const machines = { kind: 'instance', listOwned: () => look('instance', 'libvirt') } as unknown as KindReconciler
let pools: () => Promise<{ id: string; name: string }[]>
const volumes = {
  ...{ kind: 'volume', listOwned: (_: AbortSignal, place: string) => look('volume', place) },
  places: () => pools(),
} as unknown as KindReconciler
const both = async () => {
  const { orphans, unlisted } = await list.list([volumes, machines], () => changes++)
  return {
    orphans: orphans.map(({ uid, asOf }) => (asOf === undefined ? uid : `${uid} ${asOf}`)),
    unlisted: unlisted.map(({ what, reason }) => `${what}: ${reason}`),
  }
}
const away = (reason: string) => new TransientError(reason, 'away')

beforeEach(() => {
  pools = async () => ['a', 'b'].map((id) => ({ id, name: `pool ${id}` }))
  places.set('libvirt', ['m1', 'm0'])
  places.set('a', ['v1'])
  places.set('b', ['v2'])
})

test('what no document knows, in one order, each place looked at once', async () => {
  known.add('instance.m0')
  expect(await both()).toEqual({ orphans: ['m1', 'v1', 'v2'], unlisted: [] })
  expect(looks.sort()).toEqual(['a', 'b', 'libvirt'])
  expect(clock.pending).toBe(0)
})

test.each<[string, () => void, object]>([
  [
    'a pool',
    () => places.set('a', away('PoolUnavailable')),
    { orphans: ['m0', 'm1', `v1 ${THEN}`, 'v2'], unlisted: ['pool a: PoolUnavailable'] },
  ],
  [
    'libvirt',
    () => places.set('libvirt', away('HypervisorUnreachable')),
    { orphans: [`m0 ${THEN}`, `m1 ${THEN}`, 'v1', 'v2'], unlisted: [`${MANY}: HypervisorUnreachable`] },
  ],
  [
    'everything, by faults that nobody knows',
    () => {
      places.set('libvirt', new Error('broken'))
      pools = () => Promise.reject(new Error('no records'))
    },
    {
      orphans: ['m0', 'm1', 'v1', 'v2'].map((uid) => `${uid} ${THEN}`),
      unlisted: [`${MANY}: AgentError`, 'everything of kind volume: AgentError'],
    },
  ],
])('%s cannot be looked at: it says so, keeps what was seen, and the rest is as it is', async (_, fail, expected) => {
  await both()
  await clock.advance(300_000)
  fail()
  expect(await both()).toEqual(expected)
  // As often as it is tried; then it is there again, and what is not found now is gone.
  expect(await both()).toEqual(expected)
  pools = async () => ['a', 'b'].map((id) => ({ id, name: `pool ${id}` }))
  places.set('libvirt', ['m1'])
  places.set('a', [])
  expect(await both()).toEqual({ orphans: ['m1', 'v2'], unlisted: [] })
})

test('what was never looked at is not said to be empty, and what a document came for is no orphan then either', async () => {
  places.set('a', away('PoolUnavailable'))
  expect(await both()).toEqual({ orphans: ['m0', 'm1', 'v2'], unlisted: ['pool a: PoolUnavailable'] })
  places.set('b', away('PoolUnavailable'))
  known.add('volume.v2')
  expect(await both()).toMatchObject({ orphans: ['m0', 'm1'] })
})

test('the message says which and what to do; of what nobody expected, where to look', async () => {
  places.set('a', new TransientError('PoolUnavailable', 'mount it'))
  places.set('b', new Error('/secret'))
  expect((await list.list([volumes], () => undefined)).unlisted).toEqual([
    { kind: 'volume', what: 'pool a', reason: 'PoolUnavailable', message: 'mount it' },
    { kind: 'volume', what: 'pool b', reason: 'AgentError', message: "the agent's log says why" },
  ])
})

test('nobody waits for a place that takes long, nor looks there twice at once; when it is done it is told', async () => {
  places.delete('a')
  const first = both()
  await settle()
  await clock.advance(14_999)
  let isOver = false
  void first.then(() => (isOver = true))
  await settle()
  expect(isOver).toBe(false)
  await clock.advance(1)
  expect(await first).toEqual({ orphans: ['m0', 'm1', 'v2'], unlisted: ['pool a: StillListing'] })
  const second = both()
  await settle()
  await clock.advance(15_000)
  expect(await second).toMatchObject({ unlisted: ['pool a: StillListing'] })
  expect([looks.filter((place) => place === 'a'), changes]).toEqual([['a'], 0])
  places.set('a', ['v1'])
  end.get('a')!()
  await settle()
  expect(changes).toBe(2)
  expect(await both()).toEqual({ orphans: ['m0', 'm1', 'v1', 'v2'], unlisted: [] })
  expect(clock.pending).toBe(0)
})

test('what was seen and takes long now is of then, whatever it comes to later', async () => {
  await both()
  places.delete('a')
  const again = both()
  await settle()
  await clock.advance(15_000)
  expect(await again).toMatchObject({ orphans: ['m0', 'm1', `v1 ${THEN}`, 'v2'], unlisted: ['pool a: StillListing'] })
})

test('a fault that only another document can help is told in its own words too', async () => {
  places.set('a', new TerminalError('DriverUnknown', 'no such driver'))
  expect(await both()).toMatchObject({ unlisted: ['pool a: DriverUnknown'] })
})

test('a kind of one place is asked for all that it has', async () => {
  const asked: unknown[][] = []
  const one = { kind: 'port', listOwned: async (...args: unknown[]) => (asked.push(args), []) }
  await list.list([one as unknown as KindReconciler], () => undefined)
  expect(asked).toEqual([[stop.signal]])
})

test('one that failed and takes long now has failed, as long as nothing else is known', async () => {
  places.set('libvirt', away('HypervisorUnreachable'))
  await both()
  places.delete('libvirt')
  const again = both()
  await settle()
  await clock.advance(15_000)
  expect(await again).toMatchObject({ unlisted: [`${MANY}: HypervisorUnreachable`] })
})

test('an agent that ends waits for nothing, and wakes nobody', async () => {
  places.delete('a')
  const last = both()
  await settle()
  stop.abort()
  expect(await last).toMatchObject({ unlisted: ['pool a: StillListing'] })
  places.set('a', [])
  end.get('a')!()
  await settle()
  expect([changes, clock.pending]).toEqual([0, 0])
})
