// SPDX-License-Identifier: Apache-2.0
// Room is assumed before it is written; when the write comes to nothing, so does the claim, and whoever waits for the room hears of it.
import { describe, expect, test } from '@jest/globals'
import type { Instance } from '../../../lib/api/types.ts'
import { active, CAPACITY, machine, machineWorld, parts, runs, setSize, step } from '../../testing/machine-world.ts'
import type { MemoryWorld } from '../../testing/memory-deps.ts'
import { ns, QuietCloud } from '../../testing/quiet-cloud.ts'
import { claimOf, tellClaim } from './machine-claims.ts'

const SMALL = { vcpus: 1, memoryMiB: 256, rootDiskGiB: 1 }
const BIG = { vcpus: 2, memoryMiB: 512, rootDiskGiB: 3 }

/** Two nodes; what is woken and shown anew is noted. */
function world(): MemoryWorld & { heard: string[] } {
  const w = machineWorld()
  const heard: string[] = []
  w.put('flavors', parts.flavor('big', BIG))
  w.deps.waitingRoom.enter('ns/waits', { for: 'place', turns: new Set(['freed']) })
  // Another one: this one is awake.
  w.deps.waitingRoom.onWake((key) => {
    if (key !== w.run.key) heard.push(key)
  })
  w.deps.claimedNodes.changed = (node) => void heard.push(node)
  return { ...w, heard }
}
/** A run whose write is refused. */
const inVain = (w: MemoryWorld, i: Instance) => step(w, structuredClone(i))
const claimed = (w: MemoryWorld, i: Instance) => (w.deps.scheduler.findClaim(i.metadata.uid) ?? []).map((c) => c.node)
const ask = (i: Instance, name: string) => {
  i.spec.flavorRef = { name }
  i.metadata.generation = (i.metadata.generation ?? 1) + 1
}

describe('a placement that could not be written', () => {
  test.each<[string, (w: MemoryWorld, i: Instance) => void]>([
    ['what it needs is gone', (w) => w.drop('flavors', parts.flavor())],
    ['nothing has room for it any more', (_w, i) => ask(i, 'huge')],
    ['it is being deleted', (_w, i) => void (i.metadata.deletionTimestamp = '2026-01-02T00:00:00Z')],
    [
      'its bus is away',
      (w, i) => {
        i.status = { pendingReleases: [{ node: 'c2', epoch: 1 }], epoch: 1 }
        w.bus.desired.publish = () => Promise.reject(new Error('away'))
      },
    ],
  ])('claims nothing once %s', async (_, happens) => {
    const w = world()
    w.put('flavors', parts.flavor('huge', { vcpus: 64 }))
    const i = machine({ networks: [] })
    await inVain(w, i)
    const [node] = claimed(w, i)
    expect([node, w.heard]).toEqual([expect.any(String), []])
    happens(w, i)
    await inVain(w, i).catch(() => undefined)
    expect(claimed(w, i)).toEqual([])
    expect(w.heard).toEqual([node, 'ns/waits'])
    await inVain(w, i).catch(() => undefined)
    expect(w.heard).toHaveLength(2)
  })

  test('is made again where there is room now', async () => {
    const w = world()
    const i = machine({ networks: [] })
    await inVain(w, i)
    const [first = ''] = claimed(w, i)
    i.spec.availabilityZone = first === 'c1' ? 'c2' : 'c1'
    await inVain(w, i)
    expect(claimed(w, i)).toEqual([i.spec.availabilityZone])
    expect(w.heard).toEqual([first, 'ns/waits'])
    w.heard.splice(0)
    await inVain(w, i)
    expect(w.heard).toEqual([])
  })
})

describe('a machine with a place', () => {
  const running = async (w: MemoryWorld): Promise<Instance> => {
    const i = await active(w, machine({ networks: [] }))
    runs(w, i, { facts: SMALL })
    await step(w, i)
    return i
  }
  const memoryMiB = (w: MemoryWorld, i: Instance) => w.deps.scheduler.findClaim(i.metadata.uid)?.[0]?.amounts.memoryMiB

  test('gives back another size that it claimed and could not write', async () => {
    const w = world()
    const i = await running(w)
    const before = memoryMiB(w, i)
    const wished = structuredClone(i)
    ask(wished, 'big')
    await inVain(w, wished)
    expect(memoryMiB(w, i)).toBeGreaterThan(before ?? 0)
    expect(w.heard).toEqual([])
    await inVain(w, i)
    expect(memoryMiB(w, i)).toBe(before)
    expect(w.heard).toEqual([i.status?.node, 'ns/waits'])
  })

  test('keeps a size that it gives up until that is written', async () => {
    const w = world()
    const i = await running(w)
    ask(i, 'big')
    await step(w, i)
    const both = memoryMiB(w, i)
    w.put('flavors', parts.flavor('huge', { ...BIG, vcpus: CAPACITY.vcpus * 100 }))
    ask(i, 'huge')
    await inVain(w, i)
    expect(memoryMiB(w, i)).toBe(both)
    await step(w, i)
    await step(w, i)
    expect(i.status).not.toHaveProperty('nextFlavor')
    expect(memoryMiB(w, i)).toBeLessThan(both ?? 0)
  })

  test('that leaves its node keeps its room there until that is written', async () => {
    const w = world()
    const i = machine({ networks: [] })
    await step(w, i)
    await step(w, i)
    const node = i.status?.node ?? ''
    const error = { reason: 'InsufficientResources', message: 'no room', terminal: true }
    w.report('instance', i, { node, epoch: 1, state: 'refused', error })
    await inVain(w, i)
    expect(claimed(w, i)).toEqual([node])
    await step(w, i)
    expect(i.status).not.toHaveProperty('node')
    await step(w, i)
    expect(claimed(w, i)).toEqual([])
  })
})

test('only what is given back wakes anybody', () => {
  const w = world()
  const tell = (before: number, now?: number) => {
    const amounts = (memoryMiB: number) => ({ vcpus: 1, memoryMiB, diskGiB: 1 })
    w.deps.scheduler.confirm('u', now === undefined ? [] : [{ node: 'c1', amounts: amounts(now) }])
    tellClaim(machine({}, { uid: 'u' }), [{ node: 'c1', amounts: amounts(before) }], w.deps)
    return w.heard.splice(0)
  }
  expect([tell(2, 2), tell(2, 3)]).toEqual([[], []])
  expect([tell(2, 1), tell(2)]).toEqual([
    ['c1', 'ns/waits'],
    ['c1', 'ns/waits'],
  ])
  setSize(w, 'c1', 'u', { vcpus: 1, memoryMiB: 1, diskGiB: 1 })
  tellClaim(machine({}, { uid: 'u' }), [], w.deps)
  expect(w.heard).toEqual([])
})

describe('with the timers off, who waits for room gets what was assumed and never written', () => {
  test.each<[string, (c: QuietCloud) => unknown]>([
    ['when the machine is looked at again', (c) => c.set('instances', 'first', { metadata: { a: 'b' } })],
    ['when the machine is deleted', (c) => c.operator.remove('instances', ns('first'))],
    ['when the machine is gone', (c) => c.drop('instances', 'first')],
  ])('%s', async (_, happens) => {
    const c = await QuietCloud.furnished()
    c.vm('first', { flavorRef: { name: 'later' } })
    c.make('flavors', 'huge', { memoryMiB: 3072 })
    await c.operator.rest()
    const uid = c.uidOf('first')
    const { scheduler } = c.operator.world.deps
    const choice = scheduler.place({
      ...{ uid, amounts: { vcpus: 1, memoryMiB: 2048, diskGiB: 1 } },
      ...{ excluded: new Map([['c2', 'not this']]), requireKvm: false, needsVhostUser: false },
    })
    expect(choice).toMatchObject({ ok: true, node: 'c1' })
    c.vm('third', { flavorRef: { name: 'huge' } })
    c.vm('fourth', { flavorRef: { name: 'huge' } })
    await c.operator.rest()
    const placed = () => ['third', 'fourth'].filter((name) => isPlaced(c, name)).length
    expect(placed()).toBe(1)
    await happens(c)
    await c.operator.rest()
    expect(placed()).toBe(2)
  })
})

function isPlaced(c: QuietCloud, name: string): boolean {
  return claimOf(c.operator.get('instances', ns(name)) as Instance).length > 0
}
