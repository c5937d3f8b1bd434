// SPDX-License-Identifier: Apache-2.0
// What a preview says of each node, and that it is what the scheduler decides by.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Scheduler } from './scheduler.ts'
import { nodeFacts, placementRequest } from './testing.ts'

const sized = (name: string, vcpus: number, memoryMiB: number, diskGiB = 40, more: object = {}) =>
  nodeFacts({ name, capacity: { vcpus, memoryMiB, diskGiB }, ...more })

/** a is twice b in everything; c lacks memory and disk, d is down. */
function cloud(): Scheduler {
  const scheduler = new Scheduler()
  for (const facts of [sized('d', 4, 4096, 40, { up: false }), sized('b', 2, 2048, 20)]) scheduler.putNode(facts)
  for (const facts of [sized('c', 8, 512, 5), sized('a', 4, 4096, 40)]) scheduler.putNode(facts)
  return scheduler
}

describe('compare', () => {
  test('those that pass have their weights, the others all that they lack, the nearest misses first', () => {
    expect(cloud().compare(placementRequest(), 10)).toEqual([
      { node: 'a', score: 3000, weights: expect.arrayContaining([{ name: 'RAMWeigher', weight: 1000 }]) },
      { node: 'b', score: 1500, weights: expect.arrayContaining([{ name: 'RAMWeigher', weight: 500 }]) },
      {
        node: 'c',
        refusedBy: [
          { name: 'RamFilter', message: "has 512 of 512 MiB of memory free, 1024 wanted with QEMU's own" },
          { name: 'DiskFilter', message: 'has 5 of 5 GiB of disk free, 10 wanted' },
        ],
      },
      { node: 'd', refusedBy: [{ name: 'ComputeFilter', message: expect.any(String) }] },
    ])
  })

  test.each([
    [1, ['a']],
    [3, ['a', 'b', 'c']],
  ])('of no more than %i nodes', (most, names) => {
    expect(
      cloud()
        .compare(placementRequest(), most)
        .map(({ node }) => node),
    ).toEqual(names)
  })

  test('the first one is the one that is chosen, and its weights are what its score is the sum of', () => {
    const few = fc.integer({ min: 1, max: 3 })
    const node = fc.record({ vcpus: few, memoryMiB: few, diskGiB: few, up: fc.boolean() })
    fc.assert(
      fc.property(fc.array(node, { maxLength: 9 }), fc.constantFrom('u1', 'u2', 'u3'), (nodes, uid) => {
        const scheduler = new Scheduler()
        for (const [i, { vcpus, memoryMiB, diskGiB, up }] of nodes.entries())
          scheduler.putNode(sized(`n${i}`, vcpus, memoryMiB * 1024, diskGiB * 10, { up }))
        const request = placementRequest({ uid, amounts: { vcpus: 4, memoryMiB: 2048, diskGiB: 20 } })
        const verdicts = scheduler.compare(request, 99)
        expect(verdicts.length).toBe(nodes.length)
        const choice = scheduler.place(request)
        const [best] = verdicts
        expect(best?.score !== undefined).toBe(choice.ok)
        if (!choice.ok) return
        expect([best?.node, best?.score]).toEqual([choice.node, choice.explanation.score])
        for (const { score, weights = [] } of verdicts) {
          const sum = weights.reduce((all, { weight }) => all + weight, 0)
          if (score !== undefined) expect(Math.abs(sum - score)).toBeLessThanOrEqual(weights.length)
        }
      }),
    )
  })
})

describe('fork', () => {
  const group = { key: 'ns/apart', policy: 'anti-affinity', most: 1 } as const
  const request = (uid: string) => placementRequest({ uid, group })

  test('what is placed in it is placed nowhere, and goes on from what is there', () => {
    const scheduler = cloud()
    expect(scheduler.place(request('u1'))).toMatchObject({ node: 'a' })
    const before = scheduler.compare(request('u9'), 10)
    const trial = scheduler.fork()
    expect(trial.findClaim('u1')).toMatchObject([{ node: 'a' }])
    expect(trial.place(request('u2'))).toMatchObject({ node: 'b' })
    expect(trial.place(request('u3'))).toMatchObject({ ok: false })
    trial.forget('u1')
    expect(trial.place(request('u4'))).toMatchObject({ node: 'a' })
    expect(scheduler.compare(request('u9'), 10)).toEqual(before)
    expect(scheduler.findClaim('u2')).toBeUndefined()
    expect(scheduler.findClaim('u1')).toMatchObject([{ node: 'a' }])
    expect(scheduler.place(request('u2'))).toMatchObject({ node: 'b' })
  })

  test('what becomes of the nodes later is not seen in it', () => {
    const scheduler = cloud()
    const trial = scheduler.fork()
    const before = trial.compare(request('u1'), 10)
    for (const name of ['a', 'b', 'd']) scheduler.removeNode(name)
    scheduler.putNode(sized('c', 64, 65536, 640, { zone: 'elsewhere' }))
    for (let i = 0; i < 40; i++) scheduler.putNode(sized(`n${i}`, 64, 65536, 640, { zone: `z${i}` }))
    expect(trial.compare(request('u1'), 10)).toEqual(before)
    expect(trial.place(request('u1'))).toMatchObject({ node: 'a' })
  })

  test('nodes have the images that they have', () => {
    const scheduler = cloud()
    scheduler.images.set('image', 'b', true)
    const weights = scheduler.fork().compare(placementRequest({ imageUid: 'image' }), 2)
    const locality = weights.map((one) => one.weights?.find(({ name }) => name === 'ImageLocalityWeigher')?.weight)
    expect(locality).toEqual([0, 1000])
  })
})
