// SPDX-License-Identifier: Apache-2.0
// What HostAggregates do to a node: its zone, what the scheduler knows of it, and who is looked at again when one changes.
import { expect, test } from '@jest/globals'
import { aggregateInstanceExtraSpecsFilter } from '../../scheduler/filters/aggregate-instance-extra-specs.ts'
import { whyRefused } from '../../scheduler/filters/filter.ts'
import { placementRequest } from '../../scheduler/testing.ts'
import { QuietCloud } from '../../testing/quiet-cloud.ts'

const statusOf = (c: QuietCloud, name: string) => {
  const { zone, aggregates } =
    (c.operator.get('computeNodes', { name }) as { status?: Record<string, unknown> }).status ?? {}
  return { zone, aggregates }
}
const whyNot = (c: QuietCloud, name: string) => {
  const row = c.operator.world.deps.scheduler.nodes.find(name)
  const request = placementRequest({ flavor: { name: 'f', extraSpecs: { ssd: 'true' } } })
  return row && whyRefused(aggregateInstanceExtraSpecsFilter, row, request)
}

test('its nodes have its zone and its metadata, for as long as it has them', async () => {
  const c = await QuietCloud.furnished()
  c.label('c1', { 'topology.kubernetes.io/zone': 'labelled' })
  c.make('hostAggregates', 'fast', { nodes: ['c1'], metadata: { ssd: 'true' }, availabilityZone: 'z1' })
  c.make('hostAggregates', 'all', { nodes: ['c1', 'c2'] })
  await c.operator.rest()
  expect(statusOf(c, 'c1')).toEqual({ zone: 'z1', aggregates: ['all', 'fast'] })
  expect(statusOf(c, 'c2')).toEqual({ zone: undefined, aggregates: ['all'] })
  expect(c.operator.world.deps.scheduler.nodes.find('c1')).toMatchObject({ zone: 'z1' })
  expect([whyNot(c, 'c1'), whyNot(c, 'c2')]).toEqual([undefined, expect.stringContaining('no HostAggregate with ssd')])
  c.set('hostAggregates', 'fast', { metadata: { ssd: 'false' } })
  await c.operator.rest()
  expect(whyNot(c, 'c1')).toContain('has ssd false')
  c.set('hostAggregates', 'fast', { nodes: ['c2'], metadata: { ssd: 'true' } })
  await c.operator.rest()
  expect(statusOf(c, 'c1')).toEqual({ zone: 'labelled', aggregates: ['all'] })
  expect([whyNot(c, 'c1'), whyNot(c, 'c2')]).toEqual([expect.stringContaining('no HostAggregate with ssd'), undefined])
  for (const name of ['fast', 'all']) c.operator.remove('hostAggregates', { name })
  await c.operator.rest()
  expect(statusOf(c, 'c2')).toEqual({ zone: undefined, aggregates: undefined })
})
