// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { Cloud, Image } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { tombstoneOf } from '../common/documents.ts'
import { reconcileCloud } from './reconcile.ts'

const cloud = (status?: Cloud['status'], name = 'default') =>
  stored<Cloud>(name, {}, { namespace: '', ...(status ? { status } : {}) })
const look = (w: MemoryWorld, c: Cloud, writer = { incarnation: 1, term: 1 }) =>
  reconcileCloud(c, { ...w.deps, writer: () => writer }, w.run.now)

test.each([
  ['create', undefined, 1],
  ['the highest incarnation stays', { highestIncarnationSeen: 3 }, 3],
])('%s', (_, status, highest) => {
  const c = cloud(status)
  expect(look(memoryWorld(), c)).toEqual({ kind: 'done' })
  expect(c.status).toMatchObject({ state: 'OK', term: 1, highestIncarnationSeen: highest })
  expect(findCondition(c.status?.conditions, 'BusHealthy')?.status).toBe('True')
  expect(findCondition(c.status?.conditions, 'ControlPlaneRegressed')?.status).toBe('False')
})

test('another name is not used', () => {
  expect(look(memoryWorld(), cloud(undefined, 'mine'))).toMatchObject({ kind: 'wait', reason: 'NotUsed' })
})

describe('the bus', () => {
  test('without a connection: says so, and that no node changes state', () => {
    const w = memoryWorld()
    w.bus.heartbeats.expect(['n1'])
    w.bus.heartbeats.connected(false)
    const c = cloud()
    expect(look(w, c)).toMatchObject({ kind: 'wait', reason: 'BusDisconnected' })
    expect(c.status?.state).toBe('ERROR')
    expect(findCondition(c.status?.conditions, 'BusHealthy')).toMatchObject({ status: 'False', reason: 'Disconnected' })
  })
})

describe('documents of a newer leader than ours', () => {
  const newer = async () => {
    const w = memoryWorld()
    await w.bus.desired.publish(tombstoneOf('image', stored<Image>('i', {} as Image['spec']), 'n1', 1, w.deps.writer()))
    return w
  }
  test('are suspected first, proved after ten seconds, and stop the cloud', async () => {
    const w = await newer()
    const older = { incarnation: 1, term: 0 }
    const c = cloud()
    expect(look(w, c, older)).toMatchObject({ kind: 'wait', reason: 'Checking' })
    expect(findCondition(c.status?.conditions, 'ControlPlaneRegressed')?.status).toBe('False')
    w.clock.ms = 10_000
    expect(look(w, c, older)).toMatchObject({
      kind: 'wait',
      reason: 'ControlPlaneRegressed',
      message: expect.stringContaining('spec.incarnation'),
    })
    expect(c.status?.state).toBe('ERROR')
    expect(findCondition(c.status?.conditions, 'ControlPlaneRegressed')?.status).toBe('True')
  })
  test('end with a raised incarnation', async () => {
    const w = await newer()
    look(w, cloud(), { incarnation: 1, term: 0 })
    w.clock.ms = 10_000
    look(w, cloud(), { incarnation: 1, term: 0 })
    const c = cloud()
    expect(look(w, c, { incarnation: 2, term: 0 })).toEqual({ kind: 'done' })
    expect(c.status).toMatchObject({ state: 'OK', highestIncarnationSeen: 2 })
  })
})
