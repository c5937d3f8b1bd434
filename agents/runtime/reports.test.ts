// SPDX-License-Identifier: Apache-2.0
import { beforeEach, expect, test } from '@jest/globals'
import type { ObservedDocument } from '../../lib/contract/documents.ts'
import { createLogger } from '../../lib/log.ts'
import { FakeClock } from '../../lib/time/fake-clock.ts'
import { until } from '../../lib/time/until.ts'
import { instanceDocument, tombstoneOf } from '../compute/testing.ts'
import { Reporter } from './reporter.ts'
import { Reports } from './reports.ts'

const document = instanceDocument({ uid: 'u' })
const refusal = { reason: 'StaleEpoch' as const, message: 'older', versions: { ...document.versions, epoch: 0 } }
const key = { node: 'n1', kind: 'instance', uid: 'u' } as const
const nics = [{ mac: 'fa:16:3e:00:00:01' }]
let reporter: Reporter
let reports: Reports
const said = (): ObservedDocument | undefined => reporter.find(key)

beforeEach(() => {
  const log = createLogger('test', 'silent')
  reporter = new Reporter({ outbox: { connected: false, publish: async () => undefined }, log })
  reports = new Reports({ node: 'n1', bootId: 'boot', reporter, clock: new FakeClock() })
})

test('a report says whose it is, of which versions and of which boot', () => {
  const error = { reason: 'r', message: 'm', terminal: false }
  expect(reports.observe(document, { state: 'building', progress: 3, error }, undefined)).toBe(true)
  expect(said()).toEqual({
    ...{ v: 1, kind: 'instance', uid: 'u', node: 'n1', namespace: 'team-a', name: 'vm1' },
    ...{ versions: document.versions, state: 'building', facts: {}, progress: 3, error, bootId: 'boot' },
    since: '2026-01-01T00:00:00.000Z',
  })
  expect(reports.findObserved('instance.u')).toMatchObject({ state: 'building' })
  expect(reports.observe(document, { state: 'building', progress: 3, error }, undefined)).toBe(false)
  const clusterWide = { ...document, namespace: undefined, uid: 'w' }
  reports.observe(clusterWide, { state: 'running' }, undefined)
  expect(reporter.find({ ...key, uid: 'w' })).not.toHaveProperty('namespace')
})

test('a refusal stands beside what was said last, until a document is accepted', () => {
  reports.observe(document, { state: 'running' }, undefined)
  expect(reports.refuse(key, refusal, document)).toBe(true)
  expect(said()).toMatchObject({ state: 'running', versions: document.versions, refused: refusal })
  reports.observe(document, { state: 'stopped' }, undefined)
  expect(said()).toMatchObject({ state: 'stopped', refused: refusal })
  reports.accepted(key)
  reports.observe(document, { state: 'running' }, undefined)
  expect(said()).not.toHaveProperty('refused')
})

test('a refusal of something that was not said anything of waits for its run; of what nobody holds it is all there is', () => {
  expect(reports.refuse(key, refusal, document)).toBe(false)
  expect(said()).toBeUndefined()
  reports.observe(document, { state: 'running' }, undefined)
  expect(said()).toMatchObject({ state: 'running', refused: refusal })

  expect(reports.refuse({ ...key, uid: 'w' }, refusal, undefined)).toBe(true)
  const unknown = reporter.find({ ...key, uid: 'w' })
  expect(unknown).toMatchObject({ state: 'refused', name: '', versions: refusal.versions, refused: refusal, facts: {} })
  const { reason, message } = refusal
  reports.refuse({ node: 'n1', kind: 'node', uid: 'x' }, { reason, message }, undefined)
  expect(reporter.find({ node: 'n1', kind: 'node', uid: 'x' })).toMatchObject({
    state: 'degraded',
    versions: { incarnation: 1, term: 0, epoch: 0, generation: 0 },
  })
})

test('the interfaces last said stay while the machine is removed, and go with it; what the run says comes before', () => {
  reports.observe(document, { state: 'running', facts: { vcpus: 2 } }, { nics, vcpus: 1 })
  expect(said()?.facts).toEqual({ nics, vcpus: 2 })
  const tombstone = tombstoneOf(document)
  reports.observe(tombstone, { state: 'failed' }, { vcpus: 9 })
  expect(said()?.facts).toEqual({ nics })
  reports.observe(tombstone, { state: 'gone', facts: { vcpus: 0 } }, undefined)
  expect(said()?.facts).toEqual({ vcpus: 0 })
  reports.observe(tombstoneOf({ ...document, uid: 'never' }), { state: 'failed' }, undefined)
  expect(reporter.find({ ...key, uid: 'never' })?.facts).toEqual({})
})

test('the list of its volumes goes with a machine, and does not come back with the next of that uid', () => {
  reports.listed(document, ['v'])
  reports.observe(document, { state: 'failed' }, undefined)
  expect(said()?.facts).toEqual({ volumesAttached: ['v'] })
  reports.observe(tombstoneOf(document), { state: 'gone' }, undefined)
  reports.observe(document, { state: 'building' }, undefined)
  expect(said()?.facts).toEqual({})
})

test('whoever asks has the last report said again', async () => {
  const sent: string[] = []
  const log = createLogger('test', 'silent')
  // By the clock of the world, as in the product.
  reporter = new Reporter({ outbox: { connected: true, publish: async (subject) => void sent.push(subject) }, log })
  reports = new Reports({ node: 'n1', bootId: 'boot', reporter, clock: new FakeClock() })
  const stop = new AbortController()
  const ended = reporter.run(stop.signal)
  reports.observe(document, { state: 'running' }, undefined)
  await until(() => sent.length === 1)
  reports.repeat(key)
  await until(() => sent.length === 2)
  stop.abort()
  await ended
})

test('what is forgotten is neither known nor said', () => {
  reports.observe(document, { state: 'running' }, undefined)
  reports.forget(document)
  expect([said(), reports.findObserved('instance.u')]).toEqual([undefined, undefined])
})
