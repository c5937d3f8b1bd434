// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { InstanceAction } from '../../../lib/api/types.ts'
import { Notification } from '../../../lib/contract/documents.ts'
import { machine } from '../../testing/machine-world.ts'
import { stored } from '../../testing/memory-deps.ts'
import { noticesOfAction } from './notifications.ts'

type Status = InstanceAction['status']
const NOW = new Date('2026-03-01T00:00:00Z')
const of = (status?: Status, spec: Partial<InstanceAction['spec']> = {}, uid?: string) =>
  stored<InstanceAction>(
    'again',
    { instanceRef: { name: 'vm' }, type: 'Reboot', ...spec },
    { ...(status ? { status } : {}), ...(uid === undefined ? {} : { uid }) },
  )
const began = { startTime: '2026-01-01T00:00:00Z', node: 'c1', instanceUID: 'uid-vm' }
const running = of({ state: 'Running', ...began })
const ended = (state: 'Succeeded' | 'Failed', spec = {}) => of({ state, ...began }, spec)
const vm = machine({}, { status: { state: 'ACTIVE' } })
const told = (old: InstanceAction | undefined, now: InstanceAction | undefined) =>
  noticesOfAction(old, now, vm, NOW).map(({ notification }) => notification.eventType)

test.each<[string, InstanceAction | undefined, InstanceAction | undefined, string[]]>([
  ['first seen, by an operator that has just begun', undefined, running, []],
  ['waits', of(), of({ state: 'Pending' }), []],
  ['given to the node', of({ state: 'Pending' }), running, ['instance.reboot.start']],
  ['a step further', running, of({ state: 'Running', ...began, steps: [] }), []],
  ['done', running, ended('Succeeded'), ['instance.reboot.end']],
  ['failed', running, ended('Failed'), ['instance.reboot.error']],
  ['still failed', ended('Failed'), ended('Failed'), []],
  ['refused before it began', of(), of({ state: 'Failed' }), []],
  ['given up', of(), of({ state: 'Cancelled' }), []],
  ['both seen at once', of(), ended('Succeeded'), ['instance.reboot.start', 'instance.reboot.end']],
  ['deleted', running, undefined, []],
  ['another one of its name', running, of({ state: 'Running', ...began }, {}, 'other'), []],
  ['a reset', running, ended('Succeeded', { type: 'Reset' }), ['instance.reset.end']],
  ['a rescue', of(), ended('Succeeded', { type: 'Rescue' }), ['instance.rescue.start', 'instance.rescue.end']],
  ['its end', of(), ended('Succeeded', { type: 'Unrescue' }), ['instance.unrescue.start', 'instance.unrescue.end']],
  ['an interrupt', running, ended('Failed', { type: 'CrashDump' }), ['instance.trigger_crash_dump.error']],
])('%s', (_, old, now, types) => expect(told(old, now)).toEqual(types))

describe('what is told', () => {
  test('is about the machine, and says what was done, for whom, and why it failed', () => {
    const steps = [{ name: 'ForcedOff', time: 't' }]
    const ready = {
      type: 'Ready',
      status: 'False' as const,
      reason: 'StartFailed',
      message: 'why',
      lastTransitionTime: 't',
    }
    const status = { state: 'Failed' as const, ...began, steps, conditions: [ready] }
    const failed = of(status, { reboot: { type: 'Hard' }, requestedBy: 'me' })
    const [notice] = noticesOfAction(running, failed, vm, NOW)
    expect(notice).toEqual({
      id: 'uid-again.error',
      notification: {
        ...{ v: expect.any(Number), eventType: 'instance.reboot.error', time: '2026-03-01T00:00:00.000Z' },
        ...{ kind: 'Instance', namespace: 'ns', name: 'vm', uid: 'uid-vm', after: { state: 'ACTIVE' } },
        payload: {
          ...{ node: 'c1', steps, reason: 'StartFailed', message: 'why' },
          action: { name: 'again', uid: 'uid-again', type: 'Reboot', reboot: 'Hard', requestedBy: 'me' },
        },
      },
    })
    expect(Notification.safeParse(notice?.notification).success).toBe(true)
  })
  test('before it: the machine’s state before; of another machine none', () => {
    const [notice] = noticesOfAction(of(), running, vm, NOW)
    expect(notice?.notification).toMatchObject({ before: { state: 'ACTIVE' } })
    expect(notice?.notification.payload).not.toHaveProperty('steps')
    const other = { ...vm, metadata: { ...vm.metadata, uid: 'other' } }
    expect(noticesOfAction(of(), running, other, NOW)[0]?.notification).not.toHaveProperty('before')
  })
})
