// SPDX-License-Identifier: Apache-2.0
// Whatever happens in a project, and whoever leads: what its Quota says is used is the sum of what exists and was let in, no more was let in
// than it allows, and nobody waits for what is free.
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Instance, Quota } from '../../lib/api/types.ts'
import type { KubeObject } from '../../lib/kube/object.ts'
import { findCondition } from '../../lib/conditions.ts'
import { QuietCloud } from '../testing/quiet-cloud.ts'

/** Each counts as one of its key; data, which others only name, and what nodes have. */
const KINDS = ['keyPairs', 'serverGroups', 'addressGroups', 'volumes', 'instances'] as const
type Counted = (typeof KINDS)[number]
const LIMIT = 1

const NAMES = ['a', 'b', 'c', 'd'] as const
const which = { kind: fc.constantFrom(...KINDS), name: fc.constantFrom(...NAMES) }
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('make' as const), ...which }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('delete' as const), ...which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('nodeFails' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('nodeComesBack' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('leaderChanges' as const) }) },
  // It is still at work: what waits is not written yet.
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leaderDies' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('rest' as const) }) },
)

/** A machine names the key and the group of its name, if these are there at the time. */
function make(c: QuietCloud, kind: Counted, name: string): void {
  const ref = { namespace: 'ns', name }
  if (c.operator.find(kind, ref)) return
  const [key, group] = [c.operator.find('keyPairs', ref), c.operator.find('serverGroups', ref)]
  if (kind !== 'instances') c.make(kind, name)
  else c.vm(name, { ...(key ? { keyPairRef: { name } } : {}), ...(group ? { serverGroupRef: { name } } : {}) })
}

function remove(c: QuietCloud, kind: Counted, name: string): void {
  if (c.operator.find(kind, { namespace: 'ns', name })) c.operator.remove(kind, { namespace: 'ns', name })
}

const all = (c: QuietCloud, kind: Counted): KubeObject[] =>
  c.operator.world.stores[kind].list().filter(({ metadata }) => metadata.namespace === 'ns')
const reasonOf = (object: KubeObject) => findCondition((object as Quota).status?.conditions, 'Ready')?.reason
const isOut = (object: KubeObject) => reasonOf(object) === 'QuotaExceeded'

function check(c: QuietCloud): void {
  const { used, reserved } = c.operator.world.deps.quotas.project('ns')
  for (const kind of KINDS) {
    const there = all(c, kind)
    const going = there.filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
    const lacking = (object: KubeObject) => kind === 'instances' && /^Reference|NotFound$/.test(reasonOf(object) ?? '')
    const letIn = there.filter((object) => !isOut(object) && !lacking(object))
    const taken = (used.get(kind) ?? 0) + (reserved.get(kind) ?? 0)
    // What was deleted in the moment in which it was made counts or does not.
    expect([kind, taken <= letIn.length, taken >= letIn.length - going.length]).toEqual([kind, true, true])
    expect([kind, taken <= LIMIT]).toEqual([kind, true])
    const waits = there.some((object) => isOut(object) && object.metadata.deletionTimestamp === undefined)
    if (waits) expect([kind, taken]).toEqual([kind, LIMIT])
  }
  for (const vm of all(c, 'instances') as Instance[])
    for (const [kind, ref] of [
      ['keyPairs', vm.spec.keyPairRef],
      ['serverGroups', vm.spec.serverGroupRef],
    ] as const) {
      const target = ref && c.operator.find(kind, { namespace: 'ns', name: ref.name })
      if (target && isOut(target)) expect(vm.status?.node).toBeUndefined()
    }
}

test('what is used is what exists, through creations, deletions, failures and leaders', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 24 }), async (steps) => {
      const c = await QuietCloud.furnished()
      c.make('quotas', 'main', { hard: Object.fromEntries(KINDS.map((kind) => [kind, LIMIT])) })
      await c.operator.rest()
      for (const it of steps) {
        if (it.do === 'make') make(c, it.kind, it.name)
        else if (it.do === 'delete') remove(c, it.kind, it.name)
        else if (it.do === 'nodeFails') c.operator.silence('c1')
        else if (it.do === 'nodeComesBack') c.operator.beat('c1')
        else {
          await c.operator.rest(it.do !== 'leaderDies')
          if (it.do !== 'leaderDies') check(c)
          if (it.do !== 'rest') c.changeLeader()
        }
      }
      c.operator.beat('c1')
      await c.operator.rest()
      check(c)
    }),
    { numRuns: 20 },
  )
}, 60_000)
