// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { mapOf, setOf, type OvsRow } from '../../../lib/ovsdb/values.ts'
import { FAILOVER_TIMERS } from './failover-timers.ts'
import { planFailoverTimers } from './gateway-plan.ts'
import { isDisturbance, Northbound } from './northbound.ts'
import { Plan } from './plan.ts'
import { PLANNERS } from './planners.ts'

const globalOf = (options: Record<string, string>): OvsRow => ({ options: mapOf({ mac_prefix: 'x', ...options }) })
const slow = { ...FAILOVER_TIMERS, 'bfd-mult': '5' }

test('timers that are missing or changed are written, and nothing else of the options', () => {
  const planned = (options: Record<string, string>) => {
    const nb = new Northbound((table) => new Map(table === 'NB_Global' ? [['g', globalOf(options)]] : []), PLANNERS)
    const plan = new Plan()
    planFailoverTimers(plan, nb)
    return plan.operations
  }
  const mutations = [
    ['options', 'delete', setOf(Object.keys(FAILOVER_TIMERS))],
    ['options', 'insert', mapOf(FAILOVER_TIMERS)],
  ]
  for (const options of [{}, slow]) expect(planned(options)).toMatchObject([{ op: 'mutate', mutations }])
  expect(planned(FAILOVER_TIMERS)).toEqual([])
})

test('a hand that changes them disturbs; what northd writes beside them does not', () => {
  const change = (after: Record<string, string>) =>
    isDisturbance({ table: 'NB_Global', uuid: 'g', before: globalOf(FAILOVER_TIMERS), after: globalOf(after) })
  expect(change(slow)).toBe(true)
  expect(change({ ...FAILOVER_TIMERS, northd_internal_version: '2' })).toBe(false)
})
