// SPDX-License-Identifier: Apache-2.0
// HostAggregates that the operator learns of after machines that came later: its informers keep no order between kinds (docs/decisions/0070).
import { describe, expect, test } from '@jest/globals'
import type { ComputeNode, Instance } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import { QuietCloud } from '../../testing/quiet-cloud.ts'

const AT = { namespace: 'ns', name: 'm' }
const find = (c: QuietCloud) => c.operator.get('instances', AT) as Instance
const others = (nodes: string[]) => ({ nodes, metadata: { filter_tenant_id: 'others' } })

/** Nodes that were ever told to run the machine. */
function listTold(c: QuietCloud): Set<string> {
  const told = new Set<string>()
  const { desired } = c.operator.world.bus
  const publish = desired.publish.bind(desired)
  desired.publish = async (document) => {
    if (document.kind === 'instance' && !document.tombstone) told.add(document.node)
    await publish(document)
  }
  return told
}

describe('what a HostAggregate keeps out', () => {
  test.each<[string, object, object]>([
    ['by project', { filter_tenant_id: 'others' }, {}],
    ['by Flavor', { instance_type: 'large' }, {}],
    ['by image', { os_distro: 'windows' }, { properties: { os_distro: 'debian' } }],
  ])('%s goes elsewhere where it is learnt of between placement and start', async (_, metadata, image) => {
    const c = await QuietCloud.furnished()
    c.set('images', 'guest', image)
    await c.operator.rest()
    const told = listTold(c)
    let first: string | undefined
    c.operator.atWrite = (when) => {
      const { node } = find(c).status ?? {}
      if (when !== 'after' || first !== undefined || node === undefined) return
      first = node
      c.make('hostAggregates', 'late', { nodes: [node], metadata })
    }
    c.vm('m')
    await c.operator.rest()
    expect(first).toBeDefined()
    expect([...told]).toEqual([first === 'c1' ? 'c2' : 'c1'])
    expect(c.nodeOf('m')).not.toBe(first)
    expect(c.operator.world.events).toContain('Rescheduled')
    expect(c.operator.reason('instances', AT)).toBe('Ready')
  })

  test('is never placed by what the table of nodes still lacks, whichever of the two is looked at first', async () => {
    const c = await QuietCloud.furnished()
    const told = listTold(c)
    c.vm('m')
    c.make('hostAggregates', 'late', others(['c1', 'c2']))
    await c.operator.rest()
    expect([...told]).toEqual([])
    expect(c.operator.reason('instances', AT)).toBe('NoValidHost')
  })

  test('is of the zone that it asks for', async () => {
    const c = await QuietCloud.furnished()
    c.label('c1', { 'topology.kubernetes.io/zone': 'z1' })
    await c.operator.rest()
    const told = listTold(c)
    c.vm('m', { availabilityZone: 'z1' })
    c.make('hostAggregates', 'late', { nodes: ['c1'], availabilityZone: 'z2' })
    c.make('hostAggregates', 'other', { nodes: ['c2'], availabilityZone: 'z1' })
    await c.operator.rest()
    expect([...told]).toEqual(['c2'])
  })

  test('and has begun stays, and its node says so until it is gone', async () => {
    const c = await QuietCloud.furnished()
    c.vm('m')
    await c.operator.rest()
    const node = c.nodeOf('m')
    c.make('hostAggregates', 'late', others(['c1', 'c2']))
    await c.operator.rest()
    expect([c.nodeOf('m'), c.operator.reason('instances', AT)]).toEqual([node, 'Ready'])
    const said = () =>
      findCondition((c.operator.get('computeNodes', { name: node }) as ComputeNode).status?.conditions, 'Isolated')
    expect(said()).toMatchObject({ status: 'False', reason: 'PolicyBroken' })
    expect(said()?.message).toContain('ns/m is not let in: it is for other projects, by filter_tenant_id')
    expect(c.operator.world.events).toContain('PolicyBroken')
    c.operator.remove('instances', AT)
    await c.operator.rest()
    // Nodes on which claims changed are looked at after a moment, and here is no clock.
    for (const call of c.operator.later.splice(0)) call()
    await c.operator.rest()
    expect(said()).toMatchObject({ status: 'True', reason: 'PolicyHolds' })
    c.drop('hostAggregates', 'late')
    await c.operator.rest()
    expect(said()).toBeUndefined()
  })
})
