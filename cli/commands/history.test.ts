// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { KubeEvent } from '../../lib/api/types.ts'
import { entriesOf } from './history.ts'

const at = (minute: number) => `2026-01-01T00:0${minute}:00Z`
const event = (reason: string, minute: number, more: Partial<KubeEvent> = {}): KubeEvent => ({
  ...{ metadata: { name: reason, uid: reason, resourceVersion: '1' }, eventTime: at(minute), reportingController: 'c' },
  ...{ reportingInstance: 'i', action: 'a', reason, note: `${reason}!`, type: 'Normal' },
  ...{ regarding: { apiVersion: 'v', kind: 'Instance', name: 'web', uid: 'u' }, ...more },
})

test('in the order of time: its making, conditions, events of its own alone, how often, and its end', () => {
  const web = {
    metadata: { name: 'web', uid: 'u', resourceVersion: '1', creationTimestamp: at(0), deletionTimestamp: at(6) },
    status: {
      conditions: [
        { type: 'Ready', status: 'False' as const, reason: 'Gone', message: 'm', lastTransitionTime: at(5) },
      ],
    },
  }
  const others = event('Other', 2, { regarding: { apiVersion: 'v', kind: 'Instance', name: 'web', uid: 'before' } })
  const series = { count: 4, lastObservedTime: at(4) }
  const entries = entriesOf(web, [event('Late', 3), others, event('Again', 1, { series })])
  expect(entries.map(({ time, what, reason, count }) => [time, what, reason, count])).toEqual([
    [at(0), 'Created', '', undefined],
    [at(3), 'Normal', 'Late', undefined],
    [at(4), 'Normal', 'Again', 4],
    [at(5), 'Ready=False', 'Gone', undefined],
    [at(6), 'Deleted', '', undefined],
  ])
})
