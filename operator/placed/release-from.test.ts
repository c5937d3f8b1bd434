// SPDX-License-Identifier: Apache-2.0
// A node is made to let go: the tombstone is stored before anybody counts on it, and who waits is told for whom.
import { describe, expect, test } from '@jest/globals'
import type { ComputeNode, Instance } from '../../lib/api/types.ts'
import { memoryWorld, stored, type MemoryWorld } from '../testing/memory-deps.ts'
import { MAX_RELEASES, ReleaseDesk } from './release-desk.ts'
import { releaseFrom } from './release.ts'
import type { Placement } from './placement.ts'

const object = stored<Instance>('vm', { flavorRef: { name: 'f' }, imageRef: { name: 'i' } })
const placement = (more: Partial<Placement> = {}): Placement => ({
  kind: 'instance',
  object,
  node: 'c1',
  epoch: 3,
  ...more,
})
const image = placement({ kind: 'image' })
const node = (spec: ComputeNode['spec'] = {}, releases: object[] = []) =>
  stored<ComputeNode>('c1', spec, { namespace: '', status: { releases: releases as never } })
const full = Array.from({ length: MAX_RELEASES }, (_, i) => ({ kind: 'instance', uid: `u-${i}`, name: 'x', epoch: 1 }))

function world(computeNode: ComputeNode | undefined = node()): MemoryWorld {
  const w = memoryWorld()
  if (computeNode) w.put('computeNodes', computeNode)
  // Others beat on: the silence of one is its own.
  w.bus.heartbeats.expect(['c1', ...Array.from({ length: 9 }, (_, i) => `n${i}`)])
  passes(w, 0, true)
  return w
}

/** c1 is silent for so long, unless it beats too. */
function passes(w: MemoryWorld, ms: number, beats = false): void {
  w.clock.ms += ms
  for (let i = 0; i < 9; i++) w.bus.heartbeats.beat(`n${i}`, 'b')
  if (beats) w.bus.heartbeats.beat('c1', 'b')
  w.bus.heartbeats.tick()
}
const documents = (w: MemoryWorld) =>
  w.bus.desired.list().map(({ node: at, tombstone, versions }) => [at, tombstone, versions.epoch])
const requests = (w: MemoryWorld) => w.deps.releases.listNew('c1', [])

describe('the tombstone', () => {
  test('is stored first', async () => {
    const w = world()
    let store = (): void => undefined
    w.bus.desired.delay = () => new Promise((resolve) => (store = resolve))
    let said: unknown
    const run = releaseFrom(placement(), w.deps).then((outcome) => (said = outcome))
    await new Promise((resolve) => setImmediate(resolve))
    expect(said).toBeUndefined()
    store()
    await run
    expect(said).toEqual({ kind: 'wait', reason: 'Releasing', message: 'waiting for node c1 to release it' })
    expect(documents(w)).toEqual([['c1', true, 3]])
  })

  test('that cannot be stored lets nobody go on', async () => {
    const w = world(node({ lost: 'Confirmed' }))
    w.bus.desired.failNext(new Error('no answer'))
    await expect(releaseFrom(placement(), w.deps)).rejects.toThrow('no answer')
    expect(requests(w)).toEqual([])
  })

  test('keeps what the machine takes along', async () => {
    const w = world()
    await releaseFrom(placement({ userDataBase64: 'aQ==' }), w.deps)
    expect(await w.bus.desired.read('c1', 'instance', 'uid-vm')).toMatchObject({
      tombstone: true,
      userDataBase64: 'aQ==',
    })
  })

  test.each<[string, { tombstone: boolean; epoch: number } | undefined, boolean]>([
    ['there is no document', undefined, false],
    ['there is one already', { tombstone: true, epoch: 3 }, false],
    ['the document is of this placement', { tombstone: false, epoch: 3 }, true],
    ['the document is of an older one', { tombstone: false, epoch: 2 }, true],
    ['the document is of a later one', { tombstone: false, epoch: 4 }, false],
  ])('of what was released is sent where the node could be back with the document: %s', async (_, held, isSent) => {
    const w = world()
    w.report('instance', object, { node: 'c1', epoch: 3, state: 'gone' })
    w.bus.desired.find = () =>
      held && {
        ...{ node: 'c1', kind: 'instance', uid: 'uid-vm', revision: 1, tombstone: held.tombstone },
        versions: { incarnation: 1, term: 1, generation: 1, epoch: held.epoch },
      }
    expect(await releaseFrom(placement(), w.deps)).toBeUndefined()
    expect(w.bus.desired.writes).toBe(isSent ? 1 : 0)
  })
})

describe('who is waited for', () => {
  const recording = { reason: 'Releasing', message: 'recording the release in ComputeNode c1' }
  const waiting = { reason: 'Releasing', message: 'waiting for node c1 to release it' }
  test.each<[string, Placement, ComputeNode | undefined, boolean, object, boolean]>([
    ['a machine on a node that beats', placement(), node(), false, waiting, false],
    ['a machine on a silent node', placement(), node(), true, { reason: 'NodeSilent' }, false],
    ['a machine on a lost node', placement(), node({ lost: 'Confirmed' }), true, recording, true],
    ['a copy on a node that beats', image, node(), false, waiting, false],
    ['a copy on a silent node', image, node(), true, recording, true],
    ['a copy on a silent node that keeps no more', image, node({}, full), true, { reason: 'NodeSilent' }, false],
  ])('%s', async (_, of, computeNode, isSilent, outcome, isRequested) => {
    const w = world(computeNode)
    if (isSilent) passes(w, 31_000)
    expect(await releaseFrom(of, w.deps)).toMatchObject({ kind: 'wait', ...outcome })
    const { kind, epoch } = of
    expect(requests(w)).toEqual(isRequested ? [{ kind, uid: 'uid-vm', namespace: 'ns', name: 'vm', epoch }] : [])
  })

  test('a machine on a node without a ComputeNode, which has to come back', async () => {
    const w = memoryWorld()
    const message = 'node c1 has no ComputeNode: bring the node back, so that it can release what it holds'
    expect(await releaseFrom(placement(), w.deps)).toEqual({ kind: 'wait', reason: 'NodeSilent', message })
  })

  const [minute, hour] = [60_000, 3_600_000]
  test.each([
    [minute - 1, ' '],
    [minute, ' for more than a minute '],
    [hour - 1, ' for more than a minute '],
    [hour, ' for more than an hour '],
    [24 * hour - 1, ' for more than an hour '],
    [24 * hour, ' for more than a day '],
  ])('silent for %i ms: its age is told roughly', async (ms, since) => {
    const w = world()
    passes(w, ms)
    expect(await releaseFrom(placement(), w.deps)).toMatchObject({
      message: expect.stringContaining(
        `node c1 has not been heard${since}and must confirm the release. If it is off for good`,
      ),
    })
  })
})

describe('the desk', () => {
  const release = (epoch: number, uid = 'u') => ({ kind: 'instance' as const, uid, name: 'vm', epoch })
  test('keeps what was asked for until it is written under that epoch or a newer', () => {
    const desk = new ReleaseDesk()
    const woken: string[] = []
    desk.onRequest((name) => woken.push(name))
    desk.request('c1', release(3))
    desk.request('c1', release(3, 'v'))
    desk.request('c2', release(1))
    expect(woken).toEqual(['c1', 'c1', 'c2'])
    expect(desk.listNew('c1', [release(2), { ...release(9), kind: 'port' }])).toEqual([release(3), release(3, 'v')])
    expect(desk.listNew('c1', [release(3), release(9, 'x')])).toEqual([release(3, 'v')])
    expect(desk.listNew('c1', [release(4, 'v')])).toEqual([])
    expect(desk.listNew('c1', [])).toEqual([])
    expect(desk.listNew('c2', [])).toEqual([release(1)])
  })
  test('keeps the last that was asked for of an object', () => {
    const desk = new ReleaseDesk()
    for (const epoch of [3, 4]) desk.request('c1', release(epoch))
    expect(desk.listNew('c1', [release(3)])).toEqual([release(4)])
  })
})
