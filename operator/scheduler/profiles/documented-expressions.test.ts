// SPDX-License-Identifier: Apache-2.0
// What docs/scheduling.md shows of filters in CEL does what is said of it there.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import type { SchedulerProfile } from '../../../lib/api/types.ts'
import { whyRefused } from '../filters/filter.ts'
import type { PlacementRequest } from '../filters/request.ts'
import type { NodeFacts } from '../nodes/node-facts.ts'
import { Scheduler } from '../scheduler.ts'
import { nodeFacts, placementRequest } from '../testing.ts'
import { compileProfile } from './compile-profile.ts'

type Rules = NonNullable<SchedulerProfile['spec']['customFilters']>
const PAGE = readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'scheduling.md'), 'utf8')
const shown = [...PAGE.matchAll(/^```yaml\n(.*?)^```/gms)].flatMap(([, text = '']): Rules => {
  if (!text.includes('customFilters')) return []
  const { customFilters, spec } = parse(text) as { customFilters?: Rules; spec?: { customFilters?: Rules } }
  return customFilters ?? spec?.customFilters ?? []
})

const isTaken = (
  name: string,
  node: Partial<NodeFacts>,
  request: Partial<PlacementRequest> = {},
  before: (scheduler: Scheduler) => void = () => undefined,
) => {
  const profile = compileProfile({ customFilters: shown.filter((rule) => rule.name === name) })
  const filter = profile.ok ? profile.policy.filters.find((one) => one.name === name) : undefined
  const scheduler = new Scheduler()
  scheduler.putNode(nodeFacts(node))
  before(scheduler)
  const row = scheduler.nodes.find('n1')
  if (!filter || !row) throw new Error(`docs/scheduling.md has no filter ${name}, or it is broken`)
  const why = whyRefused(filter, row, placementRequest(request))
  expect(why ?? '').not.toContain('cannot be judged')
  return why === undefined
}
const with_ = (metadata: Record<string, string>): Partial<NodeFacts> => ({ aggregates: [{ name: 'a', metadata }] })
const sized = (vcpus: number, memoryMiB = 1024) => ({ amounts: { vcpus, memoryMiB, diskGiB: 1 } })
const windows = { imageProperties: { os_distro: 'windows' } }

describe('docs/scheduling.md', () => {
  test.each<[string, boolean, Partial<NodeFacts>, Partial<PlacementRequest>?]>([
    ['NotInTheOldHall', true, {}],
    ['NotInTheOldHall', true, with_({ hall: 'new' })],
    ['NotInTheOldHall', false, with_({ hall: 'new,old' })],
    ['WindowsWhereLicensed', true, {}],
    ['WindowsWhereLicensed', true, {}, { imageProperties: { os_distro: 'debian' } }],
    ['WindowsWhereLicensed', false, {}, windows],
    ['WindowsWhereLicensed', true, with_({ windows_licensed: 'yes' }), windows],
    ['LargeOnLarge', true, {}, sized(7)],
    ['LargeOnLarge', false, {}, sized(8)],
    ['LargeOnLarge', true, { capacity: { vcpus: 16, memoryMiB: 4096, diskGiB: 40 } }, sized(8)],
    ['KeepATenth', true, {}, sized(1, 3600)],
    ['KeepATenth', false, {}, sized(1, 3700)],
    ['GPUsForThoseWhoAsk', true, {}],
    ['GPUsForThoseWhoAsk', false, with_({ gpu: 'a100' })],
    ['GPUsForThoseWhoAsk', true, with_({ gpu: 'a100' }), { flavor: { name: 'f', extraSpecs: { gpu: 'true' } } }],
    ['CarefulAfterFailures', true, {}],
  ])('%s: %s', (...[name, taken, node, request]) => expect(isTaken(name, node, request)).toBe(taken))

  test('CarefulAfterFailures: one at a time on a node that failed', () => {
    const build = (scheduler: Scheduler) => {
      scheduler.place(placementRequest({ uid: 'other' }))
    }
    const fail = (scheduler: Scheduler) => {
      scheduler.recordBuild('n1', { failed: true })
    }
    const taken = (...before: ((scheduler: Scheduler) => void)[]) =>
      isTaken('CarefulAfterFailures', {}, {}, (scheduler) => {
        for (const one of before) one(scheduler)
      })
    expect([taken(), taken(build), taken(fail), taken(build, fail)]).toEqual([true, true, true, false])
  })

  test('every filter in it is here', () => {
    expect([...new Set(shown.map(({ name }) => name))].sort()).toEqual([
      ...['CarefulAfterFailures', 'GPUsForThoseWhoAsk', 'KeepATenth', 'LargeOnLarge', 'NotInTheOldHall'],
      'WindowsWhereLicensed',
    ])
  })
})
