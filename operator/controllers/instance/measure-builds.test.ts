// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { Instance } from '../../../lib/api/types.ts'
import { LoopMetrics } from '../../../lib/loop/metrics.ts'
import { measureBuilds } from './measure-builds.ts'

const at = (second: number) => `2026-01-01T00:00:${String(second).padStart(2, '0')}Z`
const reached = (type: string, second: number, status = 'True', reason = type) => ({
  ...{ type, status, reason, message: '' },
  lastTransitionTime: at(second),
})
const machine = (state: string | undefined, conditions: object[] = [], more: object = {}): Instance =>
  ({
    metadata: { name: 'a', namespace: 'one', uid: 'u', resourceVersion: '1', creationTimestamp: at(10) },
    status: { ...(state === undefined ? {} : { state }), conditions, ...more },
  }) as unknown as Instance
const DONE = [
  ...[reached('Admitted', 10), reached('Scheduled', 11), reached('ImageCached', 25), reached('NetworkAttached', 14)],
  ...[reached('Booted', 30), reached('Ready', 31)],
]

async function measured(...pairs: [Instance | undefined, Instance | undefined][]): Promise<string[]> {
  const metrics = new LoopMetrics()
  const page = async () => (await metrics.registry.metrics()).split('\n')
  const before = new Set(await page())
  const measure = measureBuilds(metrics)
  for (const [old, object] of pairs) measure({ old, object })
  return (await page())
    .filter((line) => /^nephele_instance_build(_seconds_(sum|count)|_errors_total|s_failed_total)\b/.test(line))
    .filter((line) => !before.has(line))
    .sort()
}

test('a machine that gets ACTIVE is measured once, from its creation to each stage that it has', async () => {
  const lines = await measured([machine('BUILD'), machine('ACTIVE', DONE)])
  expect(lines.filter((line) => line.includes('_sum'))).toEqual([
    'nephele_instance_build_seconds_sum{stage="Active"} 21',
    'nephele_instance_build_seconds_sum{stage="Admitted"} 0',
    'nephele_instance_build_seconds_sum{stage="Booted"} 20',
    'nephele_instance_build_seconds_sum{stage="ImageCached"} 15',
    'nephele_instance_build_seconds_sum{stage="NetworkAttached"} 4',
    'nephele_instance_build_seconds_sum{stage="Scheduled"} 1',
  ])
  expect(lines.filter((line) => line.includes('_count') && !line.endsWith(' 1'))).toEqual([])
})

test('a clock that is behind the apiserver’s makes no time negative', async () => {
  const lines = await measured([machine('BUILD'), machine('ACTIVE', [reached('Admitted', 3)])])
  expect(lines).toEqual([
    'nephele_instance_build_seconds_count{stage="Active"} 1',
    'nephele_instance_build_seconds_count{stage="Admitted"} 1',
    // And of Active the sum is 0, as it was before.
    'nephele_instance_build_seconds_sum{stage="Admitted"} 0',
  ])
})

const failed = (reason: string, uid = 'u'): Instance =>
  of(uid, machine('ERROR', [reached('Ready', 12, 'False', reason)]))
const of = (uid: string, { metadata, ...rest }: Instance): Instance => ({ ...rest, metadata: { ...metadata, uid } })

test('one that fails counts once, by its reason, however often it is tried again', async () => {
  const again = failed('DomainRefused')
  expect(
    await measured(
      ...[1, 2, 3].map((): [Instance, Instance] => [machine('BUILD'), again]),
      [of('w', machine(undefined)), failed('DomainRefused', 'w')],
      [of('w', machine('BUILD')), failed('ForeignDomain', 'w')],
    ),
  ).toEqual([
    'nephele_instance_build_errors_total{reason="DomainRefused"} 2',
    'nephele_instance_build_errors_total{reason="ForeignDomain"} 1',
    'nephele_instance_builds_failed_total 2',
  ])
  // One that is gone is forgotten.
  expect(await measured([machine('BUILD'), again], [again, undefined], [machine('BUILD'), again])).toContain(
    'nephele_instance_builds_failed_total 2',
  )
})

test('what its user has to mend counts by the reason alone', async () => {
  expect(await measured([machine('BUILD'), failed('FlavorTooSmall')])).toEqual([
    'nephele_instance_build_errors_total{reason="FlavorTooSmall"} 1',
  ])
  expect(
    await measured([machine('BUILD'), failed('FlavorTooSmall')], [machine('BUILD'), failed('DomainRefused')]),
  ).toContain('nephele_instance_builds_failed_total 1')
})

test('both figures of failures and successes are there before anything is made', async () => {
  const page = await new LoopMetrics().registry.metrics()
  expect(page).toContain('\nnephele_instance_builds_failed_total 0\n')
  expect(page).toContain('\nnephele_instance_build_seconds_count{stage="Active"} 0\n')
})

test.each<[string, Instance | undefined, Instance | undefined]>([
  ['what is seen for the first time, by an operator that has just started', undefined, machine('ACTIVE', DONE)],
  ['a status that changes in other ways', machine('ACTIVE', DONE), machine('ACTIVE', [])],
  ['a machine that was up before', machine('BUILD', [], { startedAt: at(5) }), machine('ACTIVE', DONE)],
  ['the same, that fails', machine('ACTIVE', [], { startedAt: at(5) }), machine('ERROR', [])],
  ['one that is started after it was made stopped', machine('SHUTOFF'), machine('ACTIVE', DONE)],
  ['one that goes', machine('BUILD'), undefined],
])('not measured: %s', async (_, old, now) => expect(await measured([old, now])).toEqual([]))
