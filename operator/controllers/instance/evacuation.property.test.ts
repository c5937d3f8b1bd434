// SPDX-License-Identifier: Apache-2.0
// Whatever a node hears, does not hear, or says too late before it is cut off: a machine is never built elsewhere while the old host might
// start it again with its next power.
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { FencedCloud, NODES, type NodeName } from '../../testing/fenced-cloud.ts'

const RUNS = process.env['NEPHELE_TEST_FULL'] === '1' ? 5_000 : 400

const SPECS = {
  'may move': { evacuation: 'WhenFenced' },
  'must not': { evacuation: 'Never' },
  'is restarted': { restartPolicy: 'Always' },
  'is not restarted': { restartPolicy: 'Never' },
  'something else': { metadata: { a: 'b' } },
} as const

type Step =
  | { do: 'ask'; what: keyof typeof SPECS }
  | { do: 'begin' | 'land' | 'crash' | 'run' | 'calm' | 'lose' | 'wipe' }
  | { do: 'deliver' | 'work' | 'hear' | 'answer' | 'refuse' | 'take'; at: NodeName; back: number }

const at = fc.constantFrom(...NODES)
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('ask'), what: fc.constantFrom(...Object.keys(SPECS)) }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('run', 'run', 'run', 'begin', 'land', 'crash') }) },
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constantFrom('answer', 'answer', 'answer', 'deliver', 'deliver', 'work', 'hear'),
      at,
      back: fc.constantFrom(0, 0, 0, 1, 2),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('refuse', 'take'), at, back: fc.constant(0) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('calm', 'calm', 'lose', 'lose', 'wipe') }) },
) as fc.Arbitrary<Step>

async function live(cloud: FencedCloud, step: Step): Promise<void> {
  switch (step.do) {
    case 'ask': {
      cloud.ask(SPECS[step.what])
      return
    }
    case 'run': {
      await cloud.begin()
      cloud.land()
      return
    }
    case 'begin':
      return cloud.begin()
    case 'land':
    case 'crash': {
      cloud.land(step.do === 'land')
      return
    }
    case 'calm': {
      for (const at of NODES) {
        await live(cloud, { do: 'run' })
        await live(cloud, { do: 'answer', at, back: 0 })
      }
      return live(cloud, { do: 'run' })
    }
    case 'lose':
    case 'wipe': {
      cloud[step.do]()
      return
    }
    case 'answer': {
      cloud.deliver(step.at)
      cloud.work(step.at)
      cloud.hear(step.at)
      return
    }
    case 'hear': {
      cloud.hear(step.at, step.back)
      return
    }
    case 'refuse':
    case 'take': {
      cloud.refuse(step.at, step.do === 'refuse')
      return
    }
    default: {
      cloud[step.do](step.at)
    }
  }
}

test('a machine never runs on one node while another may start it', async () => {
  let moved = 0
  const first = fc.constantFrom<keyof typeof SPECS>('may move', 'must not')
  await fc.assert(
    fc.asyncProperty(first, fc.array(step, { minLength: 10, maxLength: 50 }), async (first, steps) => {
      const cloud = new FencedCloud(SPECS[first])
      for (const each of steps) {
        await live(cloud, each)
        const where = cloud.where()
        if (where.length > 1) throw new Error(`on ${where.join(' and ')}`)
      }
      moved += cloud.moves
    }),
    { numRuns: RUNS },
  )
  // Some do move, or nothing was tried: one in eleven runs, so that a twentieth would not be reached now and then.
  expect(moved).toBeGreaterThan(RUNS / 100)
}, 120_000)
