// SPDX-License-Identifier: Apache-2.0
// Filters of spec.schedulerHints that name nodes: each against all nodes of a cloud.
import { expect, test } from '@jest/globals'
import { chooseNode } from '../choose.ts'
import { policyOf } from '../policy.ts'
import { Scheduler } from '../scheduler.ts'
import { nodeFacts, placementRequest } from '../testing.ts'
import { differentHostFilter } from './different-host.ts'
import type { Filter } from './filter.ts'
import type { Hints } from './request.ts'
import { requestedNodeFilter } from './requested-node.ts'
import { sameHostFilter } from './same-host.ts'
import { simpleCidrAffinityFilter } from './simple-cidr-affinity.ts'

const ADDRESSES = { a: '10.0.0.1', b: '10.0.0.200', c: '10.0.1.1', d: 'fd00::1', e: undefined }
const set = (...names: string[]) => new Set(names)

test.each<[Filter, Hints | undefined, string[], string | undefined]>([
  [sameHostFilter, undefined, ['a', 'b', 'c', 'd', 'e'], undefined],
  [
    sameHostFilter,
    { sameHost: set('b', 'd') },
    ['b', 'd'],
    'a has none of the machines of spec.schedulerHints.sameHost',
  ],
  [sameHostFilter, { sameHost: set() }, [], 'a has none of the machines of spec.schedulerHints.sameHost'],
  [sameHostFilter, { sameHost: set('gone') }, [], 'a has none of the machines of spec.schedulerHints.sameHost'],
  [differentHostFilter, undefined, ['a', 'b', 'c', 'd', 'e'], undefined],
  [
    differentHostFilter,
    { differentHost: set('b', 'd', 'gone') },
    ['a', 'c', 'e'],
    'b has a machine of spec.schedulerHints.differentHost',
  ],
  [differentHostFilter, { differentHost: set() }, ['a', 'b', 'c', 'd', 'e'], undefined],
  [requestedNodeFilter, { node: 'c' }, ['c'], 'a is not c of spec.schedulerHints.node'],
  [requestedNodeFilter, { node: 'gone' }, [], 'a is not gone of spec.schedulerHints.node'],
  [requestedNodeFilter, {}, ['a', 'b', 'c', 'd', 'e'], undefined],
  [simpleCidrAffinityFilter, {}, ['a', 'b', 'c', 'd', 'e'], undefined],
  [simpleCidrAffinityFilter, { buildNearHostIP: '10.0.0.7' }, ['a', 'b'], 'c has no address in 10.0.0.7/24'],
  [
    simpleCidrAffinityFilter,
    { buildNearHostIP: '10.0.0.7', prefix: 16 },
    ['a', 'b', 'c'],
    'd has no address in 10.0.0.7/16',
  ],
  [simpleCidrAffinityFilter, { buildNearHostIP: '10.0.0.7', prefix: 25 }, ['a'], 'b has no address in 10.0.0.7/25'],
  [simpleCidrAffinityFilter, { buildNearHostIP: '10.0.0.7', prefix: 33 }, [], 'a has no address in 10.0.0.7/33'],
  [simpleCidrAffinityFilter, { buildNearHostIP: 'fd00::9', prefix: 64 }, ['d'], 'a has no address in fd00::9/64'],
])('$name %j', (filter, hints, left, example) => {
  const scheduler = new Scheduler()
  for (const [name, address] of Object.entries(ADDRESSES)) scheduler.putNode(nodeFacts({ name, address }))
  const filters = [filter]
  const passed: string[] = []
  let said: string | undefined
  // Which nodes pass: those that win are refused by name for the next round.
  for (const excluded = new Map<string, string>(); ;) {
    const request = placementRequest({ excluded, ...(hints ? { hints } : {}) })
    const choice = chooseNode(scheduler.nodes, request, policyOf(filters, []))
    said ??= choice.explanation.filters.find(({ name }) => name === filter.name)?.example
    if (!choice.ok) break
    passed.push(choice.node)
    excluded.set(choice.node, 'was chosen')
  }
  expect(passed.sort()).toEqual(left)
  expect(said).toBe(example)
})
