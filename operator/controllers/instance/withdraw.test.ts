// SPDX-License-Identifier: Apache-2.0
// Two operators lead for a moment and place members of one ServerGroup by what each knows: docs/decisions/0061.
import { describe, expect, test } from '@jest/globals'
import type { Instance } from '../../../lib/api/types.ts'
import { QuietCloud } from '../../testing/quiet-cloud.ts'
import { QuietOperator } from '../../testing/quiet-operator.ts'

const at = (name: string) => ({ namespace: 'ns', name })
const find = (operator: QuietOperator, name: string) => operator.get('instances', at(name)) as Instance
const IN_GROUP = { serverGroupRef: { name: 'g' } }

/**
 * Both members are made, and each leader sees one of them first.
 * @param stage how far the paused leader got with its own: `placed`, and no node was told
 * @returns the cloud of the leader that stays, which has just learnt of the other's placement
 */
async function twoLeaders(group: object, ours: string, stage: 'placed' | 'runs'): Promise<QuietCloud> {
  const c = await QuietCloud.furnished()
  c.make('serverGroups', 'g', group)
  await c.operator.rest()
  const theirs = ours === 'one' ? 'two' : 'one'
  for (const name of ['one', 'two']) c.vm(name, IN_GROUP)
  const paused = new QuietOperator(c.operator)
  const held = find(c.operator, theirs)
  c.operator.world.stores.instances.remove(`ns/${theirs}`, held.metadata.uid)
  paused.world.stores.instances.remove(`ns/${ours}`, find(paused, ours).metadata.uid)
  await c.operator.rest()
  await paused.rest()
  const placed = structuredClone(find(paused, theirs))
  const taken = c.nodeOf(ours)
  const isApart = (group as { policy: string }).policy === 'anti-affinity'
  const node = isApart ? taken : taken === 'c1' ? 'c2' : 'c1'
  Object.assign(placed.status ?? {}, { node })
  if (stage === 'placed') {
    const conditions = placed.status?.conditions?.filter(({ type }) => ['Admitted', 'Scheduled'].includes(type)) ?? []
    Object.assign(placed.status ?? {}, { state: 'BUILD', conditions })
  }
  c.operator.store('instances', placed)
  await c.operator.rest()
  return c
}

describe.each([
  [{ policy: 'anti-affinity' }, false],
  [{ policy: 'affinity' }, true],
])('%j', (group, isTogether) => {
  test.each(['one', 'two'])(
    'what no node was told of goes elsewhere before it starts; the leader that stays had %s',
    async (ours) => {
      const c = await twoLeaders(group, ours, 'placed')
      expect(c.nodeOf('one') === c.nodeOf('two')).toBe(isTogether)
      expect(c.operator.reason('serverGroups', at('g'))).toBe('Ready')
      for (const name of ['one', 'two']) expect(c.operator.reason('instances', at(name))).toBe('Ready')
      expect(c.operator.world.events).toContain('Rescheduled')
    },
  )

  test('what runs stays where it is, and the group says so', async () => {
    const c = await twoLeaders(group, 'one', 'runs')
    expect(c.nodeOf('one') === c.nodeOf('two')).toBe(!isTogether)
    // Members that come are gathered for a second, and here is no clock.
    c.set('serverGroups', 'g', {})
    await c.operator.rest()
    expect(c.operator.reason('serverGroups', at('g'))).toBe('PolicyBroken')
  })
})
