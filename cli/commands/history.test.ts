// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { InstanceAction, KubeEvent } from '../../lib/api/types.ts'
import { actionsOf, entriesOf } from './history.ts'

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

test('what was done to a machine: asked for by whom, its steps, its end and why; not what was done to one before it', () => {
  const action = (
    name: string,
    minute: number,
    status: InstanceAction['status'] = {},
    by?: string,
  ): InstanceAction => ({
    metadata: { name, uid: name, resourceVersion: '1', creationTimestamp: at(minute) },
    spec: { instanceRef: { name: 'web' }, type: 'Reset', ...(by === undefined ? {} : { requestedBy: by }) },
    status,
  })
  const ready = {
    type: 'Ready',
    status: 'False' as const,
    reason: 'OutcomeUnknown',
    message: 'm',
    lastTransitionTime: at(4),
  }
  const failed = { state: 'Failed' as const, completionTime: at(4), conditions: [ready], instanceUID: 'u' }
  const steps = [
    { name: 'PoweredOff', time: at(2) },
    { name: 'Started', time: at(3) },
  ]
  const web = { metadata: { name: 'web', uid: 'u', resourceVersion: '1', creationTimestamp: at(1) } }
  const entries = actionsOf(web, [
    action('before', 0),
    action('of-another', 2, { instanceUID: 'other' }),
    action('good', 2, { state: 'Succeeded', completionTime: at(3), steps, instanceUID: 'u' }, 'ada'),
    action('bad', 3, failed),
    action('waits', 5),
  ])
  expect(entries.map(({ time, reason, message }) => [time, reason, message])).toEqual([
    [at(2), 'Reset', 'asked for by ada (good)'],
    [at(3), 'Reset', 'Succeeded (good); PoweredOff, Started'],
    [at(3), 'Reset', 'asked for (bad)'],
    [at(4), 'Reset', 'Failed (bad); OutcomeUnknown: m'],
    [at(5), 'Reset', 'asked for (waits)'],
  ])
})
