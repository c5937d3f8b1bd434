// SPDX-License-Identifier: Apache-2.0
// Nodes that had no room for a machine: it goes elsewhere, and comes back to them when nothing else is left.
import { describe, expect, test } from '@jest/globals'
import { claimOf } from '../common/machine-claims.ts'
import type { Instance } from '../../../lib/api/types.ts'
import type { RunEvent } from '../../../lib/loop/controller.ts'
import { waitFor } from '../../../lib/outcome.ts'
import { active, machine, machineWorld, step } from '../../testing/machine-world.ts'
import type { MemoryWorld } from '../../testing/memory-deps.ts'
import { setStage } from './stages.ts'

const bare = (spec: Partial<Instance['spec']> = {}, status?: Instance['status']) =>
  machine({ networks: [], ...spec }, status ? { status } : {})

describe('nodes that refused it', () => {
  const refused = (at: string, of = waitFor('NoValidHost', 'm')) => {
    const i = bare({}, { excludedNodes: ['c1', 'c2'] })
    setStage(i, 'Scheduled', of, new Date(at))
    return i
  }
  test('are not asked while another is left', async () => {
    const w = machineWorld()
    const i = bare({}, { excludedNodes: ['c1'] })
    await step(w, i)
    expect(i.status?.node).toBe('c2')
    expect(i.status?.scheduling?.filters).toMatchObject([{ refused: 1, example: 'c1 refused it' }])
  })
  test('say why, where that is known', async () => {
    const w = machineWorld()
    const refusals = [{ node: 'c2', message: 'node c2 has no room: 9 hugepages are more' }]
    const i = bare({}, { excludedNodes: ['c1', 'c2'], refusals })
    const message = 'RetryFilter 2 (c1 refused it)'
    expect(await step(w, i)).toMatchObject({ message: expect.stringContaining(message) })
    i.status!.excludedNodes = ['c2']
    await step(w, i)
    expect(i.status?.scheduling?.filters).toMatchObject([{ example: `c2 refused it: ${refusals[0]!.message}` }])
  })
  test('are asked again after half a minute, when none is left', async () => {
    const w = machineWorld()
    const outcome = await step(w, bare({}, { excludedNodes: ['c1', 'c2'] }))
    expect(outcome).toMatchObject({ reason: 'NoValidHost', retryAfterMs: 30_000 })
  })
  // The world's clock says midnight.
  test.each<[string, Instance, string]>([
    ['a second too early', refused('2025-12-31T23:59:31Z'), 'wait'],
    ['on time', refused('2025-12-31T23:59:30Z'), 'saved'],
    ['late', refused('2025-12-31T23:00:00Z'), 'saved'],
    [
      'long after it waited for something else',
      refused('2025-12-31T23:00:00Z', waitFor('OwnershipUnclear', 'm')),
      'wait',
    ],
  ])('%s', async (_, i, kind) => {
    expect(await step(machineWorld(), i)).toMatchObject({ kind })
  })
  test('but not because a placement is old', async () => {
    const w = machineWorld()
    const i = bare({}, { excludedNodes: ['c1', 'c2'] })
    setStage(i, 'Scheduled', true, new Date('2025-01-01T00:00:00Z'))
    expect(await step(w, i)).toMatchObject({ reason: 'NoValidHost' })
  })
})

describe('a machine that its node refuses for want of room', () => {
  const refusedBy = (w: MemoryWorld, i: Instance, error: object = {}) =>
    w.report('instance', i, {
      ...{ node: i.status!.node!, epoch: i.status!.epoch!, state: 'refused' },
      error: { reason: 'InsufficientResources', message: 'no memory', terminal: true, ...error },
    })
  const events = (w: MemoryWorld) => {
    const heard: RunEvent[] = []
    Object.assign(w.run, { event: (event: RunEvent) => void heard.push(event) })
    return heard
  }

  test('gives its place up before another one is chosen, and says why', async () => {
    const w = machineWorld()
    const i = bare()
    await step(w, i)
    await step(w, i)
    const heard = events(w)
    const { node } = i.status!
    refusedBy(w, i)
    i.status!.pendingReleases = [{ node: 'c9', epoch: 0 }]
    i.status!.state = 'ERROR'
    expect(await step(w, i)).toEqual({ kind: 'saved' })
    expect(i.status).toMatchObject({
      state: 'BUILD',
      pendingReleases: [
        { node: 'c9', epoch: 0 },
        { node, epoch: 1 },
      ],
    })
    expect(i.status).not.toHaveProperty('node')
    expect(i.status?.conditions?.map(({ type }) => type)).toEqual(['Admitted', 'Reconciling'])
    // Its room goes when that is written.
    expect(claimOf(i)).toEqual([])
    expect(heard).toEqual([
      { type: 'Warning', reason: 'Rescheduled', action: 'Schedule', note: `leaves node ${node!}: no memory` },
    ])
  })

  test.each<[string, object]>([
    ['for another reason', { reason: 'PathUnsafe' }],
    ['for no reason', { reason: undefined }],
  ])('or %s: that one stays, refused', async (_, error) => {
    const w = machineWorld()
    const i = bare()
    await step(w, i)
    refusedBy(w, i, error)
    await expect(step(w, i)).rejects.toThrow('no memory')
    expect(i.status?.node).toBeDefined()
  })

  test.each<[string, string[], number, (node: string) => string[]]>([
    ['behind those before', ['c8', 'c9'], 1, (node) => ['c8', 'c9', node]],
    ['once', ['c1', 'c2', 'c9'], 1, (node) => [...['c1', 'c2'].filter((n) => n !== node), 'c9', node]],
    ['alone, when what it asks for is new', ['c8', 'c9'], 0, (node) => [node]],
    [
      'among the last sixteen',
      Array.from({ length: 16 }, (_, n) => `x${n}`),
      1,
      (node) => [...Array.from({ length: 15 }, (_, n) => `x${n + 1}`), node],
    ],
  ])('it is remembered: %s', async (_, excludedNodes, observedGeneration, expected) => {
    const w = machineWorld()
    const i = bare()
    await step(w, i)
    const node = i.status!.node!
    refusedBy(w, i)
    Object.assign(i.status!, { excludedNodes, observedGeneration })
    await step(w, i)
    expect(i.status?.excludedNodes).toEqual(expected(node))
    expect(i.status?.refusals).toEqual([{ node, message: 'no memory' }])
  })

  test('what the last four said is remembered, within bounds', async () => {
    const w = machineWorld()
    const i = bare()
    await step(w, i)
    const node = i.status!.node!
    refusedBy(w, i, { message: 'x'.repeat(500) })
    const refusals = [node, 'c6', 'c7', 'c8', 'c9'].map((one) => ({ node: one, message: 'full' }))
    Object.assign(i.status!, { excludedNodes: ['c9'], refusals, observedGeneration: 1 })
    await step(w, i)
    expect(i.status?.refusals).toEqual([...refusals.slice(2), { node, message: `${'x'.repeat(255)}…` }])
  })

  test('the nodes that refused it are forgotten once it runs', async () => {
    const w = machineWorld()
    const i = bare({}, { excludedNodes: ['c1'], refusals: [{ node: 'c1', message: 'full' }] })
    await active(w, i)
    expect(i.status).not.toHaveProperty('excludedNodes')
    expect(i.status).not.toHaveProperty('refusals')
  })
})
