// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { Cloud, Image } from '../../../lib/api/types.ts'
import { findCondition, type Condition, type ConditionUpdate } from '../../../lib/conditions.ts'
import type { RunResult } from '../../../lib/loop/controller.ts'
import { done, waitFor } from '../../../lib/outcome.ts'
import { DEFAULT_HEARTBEAT } from '../../bus/heartbeats.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { tombstoneOf } from '../../placed/document-header.ts'
import { cloudController, cloudReadiness } from './controller.ts'
import { heartbeatOf, reconcileCloud } from './reconcile.ts'

const cloud = (status?: Cloud['status'], name = 'default') =>
  stored<Cloud>(name, {}, { namespace: '', ...(status ? { status } : {}) })
const look = (w: MemoryWorld, c: Cloud, writer = { incarnation: 1, term: 1 }) =>
  reconcileCloud(c, { ...w.deps, writer: () => writer }, w.run)

test.each([
  ['create', undefined, 1],
  ['the highest incarnation stays', { highestIncarnationSeen: 3 }, 3],
])('%s', async (_, status, highest) => {
  const c = cloud(status)
  expect(await look(memoryWorld(), c)).toEqual({ kind: 'done' })
  expect(c.status).toMatchObject({ state: 'OK', term: 1, highestIncarnationSeen: highest })
  expect(findCondition(c.status?.conditions, 'BusHealthy')?.status).toBe('True')
  expect(findCondition(c.status?.conditions, 'ControlPlaneRegressed')?.status).toBe('False')
})

test.each<[string, Cloud['status'], number, string | undefined]>([
  ['a new Cloud', undefined, 1, '2026-01-01T00:00:00.000Z'],
  ['one of before there was this field', { highestIncarnationSeen: 1 }, 1, undefined],
  ['the same incarnation', { highestIncarnationSeen: 2, incarnationSince: 'then' }, 2, 'then'],
  ['a raised one', { highestIncarnationSeen: 2, incarnationSince: 'then' }, 3, '2026-01-01T00:00:00.000Z'],
])('%s: since when its incarnation is', async (_, status, incarnation, since) => {
  const c = cloud(status)
  await look(memoryWorld(), c, { incarnation, term: 1 })
  expect(c.status?.incarnationSince).toBe(since)
})

test('another name is not used', async () => {
  expect(await look(memoryWorld(), cloud(undefined, 'mine'))).toMatchObject({ kind: 'wait', reason: 'NotUsed' })
})

describe('the bus', () => {
  test.each<[string, Cloud['spec']['heartbeat'], object]>([
    ['nothing', undefined, DEFAULT_HEARTBEAT],
    ['a period', { intervalSeconds: 2 }, { intervalMs: 2000, missesBeforeDown: 3 }],
    ['misses', { missesBeforeDown: 5 }, { intervalMs: 10_000, missesBeforeDown: 5 }],
    ['both', { intervalSeconds: 60, missesBeforeDown: 1 }, { intervalMs: 60_000, missesBeforeDown: 1 }],
  ])('how nodes beat, when the Cloud says %s', async (_, heartbeat, settings) => {
    const w = memoryWorld()
    const c = cloud()
    if (heartbeat) c.spec.heartbeat = heartbeat
    const told: object[] = []
    w.bus.heartbeats.configure = (to) => void told.push(to)
    await look(w, c)
    expect(told).toEqual([settings])
  })
  test('without a Cloud nodes beat as by default', () => expect(heartbeatOf(undefined)).toEqual(DEFAULT_HEARTBEAT))

  test('without a connection: says so, and that no node changes state', async () => {
    const w = memoryWorld()
    w.bus.heartbeats.expect(['n1'])
    w.bus.heartbeats.connected(false)
    const c = cloud()
    expect(await look(w, c)).toMatchObject({ kind: 'wait', reason: 'BusDisconnected' })
    expect(c.status?.state).toBe('ERROR')
    expect(findCondition(c.status?.conditions, 'BusHealthy')).toMatchObject({ status: 'False', reason: 'Disconnected' })
  })
})

describe('the network backend', () => {
  const down = { status: 'False', reason: 'Unreachable', message: 'start it' } as const
  test.each([
    ['answers', undefined, { kind: 'done' }, 'OK', { status: 'True', reason: 'Healthy' }],
    ['does not', down, { kind: 'wait', reason: 'NetworkUnreachable', message: 'start it' }, 'ERROR', down],
    [
      'is not configured',
      { status: 'Unknown', reason: 'NetworkNotConfigured', message: 'm' } as const,
      { kind: 'done' },
      'OK',
      { status: 'Unknown', reason: 'NetworkNotConfigured' },
    ],
  ])('%s', async (_, health, outcome, state, condition) => {
    const w = memoryWorld()
    if (health) w.network.setHealth(health)
    const c = cloud()
    expect(await look(w, c)).toEqual(outcome)
    expect(c.status?.state).toBe(state)
    expect(findCondition(c.status?.conditions, 'NetworkBackendHealthy')).toMatchObject(condition)
  })

  test.each<[string, (w: MemoryWorld) => void, object]>([
    ['well', () => undefined, { kind: 'done', retryAfterMs: 2000 }],
    ['without the bus', (w) => w.bus.heartbeats.connected(false), { reason: 'BusDisconnected', retryAfterMs: 2000 }],
    ['without the backend', (w) => w.network.setHealth(down), { reason: 'NetworkUnreachable', retryAfterMs: 2000 }],
  ])('looked at again in two seconds while something is to be proved: %s', async (_, happens, outcome) => {
    const w = memoryWorld()
    w.deps.regression.prove = async () => true
    happens(w)
    expect(await look(w, cloud())).toMatchObject(outcome)
  })

  test('is not known yet: what was said of it stands', async () => {
    const w = memoryWorld()
    w.network.setHealth(down)
    const c = cloud()
    await look(w, c)
    const said = findCondition(c.status?.conditions, 'NetworkBackendHealthy')
    await look({ ...w, deps: { ...w.deps, network: { ...w.deps.network, health: () => undefined } } }, c)
    expect(findCondition(c.status?.conditions, 'NetworkBackendHealthy')).toEqual(said)
  })
})

describe('what its conditions say', () => {
  const says = (type: string, status: 'True' | 'False', reason: string): Condition => ({
    type,
    status,
    reason,
    message: `${reason}!`,
    lastTransitionTime: 't',
  })
  const checking: RunResult = { kind: 'outcome', outcome: waitFor('Checking', 'm') }
  const terminal: RunResult = { kind: 'terminal', reason: 'ControlPlaneRegressed', message: 'm' }
  const waits: RunResult = { kind: 'outcome', outcome: waitFor('BusDisconnected', 'm') }
  const ended: RunResult = { kind: 'outcome', outcome: done }
  const was = [says('Ready', 'True', 'Ready')]
  const failing = [says('Ready', 'False', 'BusDisconnected'), says('Reconciling', 'True', 'BusDisconnected')]
  const stalled = [says('Ready', 'False', 'ControlPlaneRegressed'), says('Stalled', 'True', 'ControlPlaneRegressed')]
  const word = (ready: boolean, reconciling: boolean, isStalled: boolean, reason: string) => ({
    ready,
    reconciling,
    stalled: isStalled,
    reason,
  })
  test.each<[string, Condition[] | undefined, RunResult, object]>([
    ['checking at the very first: that', undefined, checking, word(false, true, false, 'Checking')],
    ['checking: as before, well', was, checking, word(true, false, false, 'Ready')],
    ['checking: as before, waiting', failing, checking, word(false, true, false, 'BusDisconnected')],
    ['checking: as before, stopped', stalled, checking, word(false, false, true, 'ControlPlaneRegressed')],
    ['another wait', was, waits, word(false, true, false, 'BusDisconnected')],
    ['proved', was, terminal, word(false, false, true, 'ControlPlaneRegressed')],
    ['well again', failing, ended, word(true, false, false, 'Ready')],
  ])('%s', (_, conditions, result, expected) => {
    expect(cloudReadiness(cloud(conditions ? { conditions } : {}), result)).toMatchObject(expected)
  })
})

describe('documents of a newer leader than ours', () => {
  const older = { incarnation: 1, term: 0 }
  const newer = async () => {
    const w = memoryWorld()
    await w.bus.desired.publish(tombstoneOf('image', stored<Image>('i', {} as Image['spec']), 'n1', 1, w.deps.writer()))
    w.deps.regression.lookAtAll(older)
    return w
  }
  test('are suspected first, without a word', async () => {
    const w = await newer()
    const c = cloud()
    await look(memoryWorld(), c, older)
    const outcome = await look(w, c, older)
    expect(outcome).toMatchObject({ kind: 'wait', reason: 'Checking' })
  })
  test('are proved after ten seconds, and stop the cloud: condition, event, and then nothing any more', async () => {
    const w = await newer()
    const c = cloud()
    w.clock.ms = 10_000
    await expect(look(w, c, older)).rejects.toMatchObject({
      reason: 'ControlPlaneRegressed',
      message: expect.stringContaining('spec.incarnation'),
    })
    expect(c.status).toMatchObject({ state: 'ERROR', regressedIncarnation: 1, highestIncarnationSeen: 1 })
    expect(findCondition(c.status?.conditions, 'ControlPlaneRegressed')?.status).toBe('True')
    expect(w.events).toEqual(['ControlPlaneRegressed'])
    const said = structuredClone(c.status)
    w.put('clouds', c)
    // Another leader comes upon something else, or upon nothing: the word stands.
    for (const world of [w, memoryWorld()]) {
      world.put('clouds', c)
      world.bus.heartbeats.connected(false)
      await expect(look(world, c, older)).rejects.toMatchObject({ reason: 'ControlPlaneRegressed' })
    }
    expect(c.status).toEqual(said)
    expect(w.events).toEqual(['ControlPlaneRegressed'])
  })
  test('end with a raised incarnation', async () => {
    const w = await newer()
    w.clock.ms = 10_000
    const c = cloud()
    await expect(look(w, c, older)).rejects.toMatchObject({ reason: 'ControlPlaneRegressed' })
    w.put('clouds', c)
    const raised = { incarnation: 2, term: 0 }
    w.deps.regression.lookAtAll(raised)
    expect(await look(w, c, raised)).toEqual({ kind: 'done' })
    expect(c.status).toMatchObject({ state: 'OK', highestIncarnationSeen: 2 })
    expect(c.status).not.toHaveProperty('regressedIncarnation')
  })
})

test('what is known of the control plane’s certificates is a condition, and no reason to wait', async () => {
  const w = memoryWorld()
  const c = cloud()
  const late = {
    type: 'CertificatesValid',
    status: 'False',
    reason: 'CertificateExpiresSoon',
    message: 'look',
  } as const
  const said: ConditionUpdate[] = []
  const tells: (() => void)[] = []
  const certificateWatch = {
    condition: () => said.at(-1),
    onChange: (tell: () => void) => {
      tells.push(tell)
      return () => undefined
    },
  }
  const deps = { ...w.deps, certificateWatch, writer: () => ({ incarnation: 1, term: 1 }) }
  await reconcileCloud(c, deps, w.run)
  expect(findCondition(c.status?.conditions, 'CertificatesValid')).toBeUndefined()
  said.push(late)
  expect(await reconcileCloud(c, deps, w.run)).toEqual({ kind: 'done' })
  expect([c.status?.state, findCondition(c.status?.conditions, 'CertificatesValid')]).toMatchObject(['OK', late])
  const woken: string[] = []
  for (const source of cloudController(deps).sources ?? []) {
    source({ enqueue: (key: string) => void woken.push(key) } as never)
  }
  tells.forEach((tell) => tell())
  expect(woken).toEqual(['default'])
})
