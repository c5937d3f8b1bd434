// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { aggregatesWith, refusalOf } from '../testing.ts'
import { aggregateMultiTenancyIsolationFilter } from './aggregate-multi-tenancy-isolation.ts'

const OTHERS = 'is for other projects, by filter_tenant_id of its HostAggregates'

test.each<[string, Record<string, string>[], string | undefined, string | undefined]>([
  ['no aggregate: for all', [], 'red', undefined],
  ['an aggregate that names none: for all', [{ ssd: 'true' }], 'red', undefined],
  ['its own', [{ filter_tenant_id: 'red' }], 'red', undefined],
  ['one of several', [{ filter_tenant_id: 'blue, red' }], 'red', undefined],
  ['by another key that begins so', [{ filter_tenant_id: 'blue', filter_tenant_id2: 'red' }], 'red', undefined],
  ['by another aggregate', [{ filter_tenant_id: 'blue' }, { filter_tenant_id: 'red' }], 'red', undefined],
  ['others alone', [{ filter_tenant_id: 'blue' }], 'red', OTHERS],
  ['nearly the same', [{ filter_tenant_id: 'red-2' }], 'red', OTHERS],
  ['where no machine is asked for', [{ filter_tenant_id: 'blue' }], undefined, undefined],
])('%s', (_, aggregates, project, why) => {
  const facts = { aggregates: aggregatesWith(...aggregates) }
  const request = project === undefined ? {} : { project }
  expect(refusalOf(aggregateMultiTenancyIsolationFilter, facts, request)).toBe(why)
})
