// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { Instance } from '../../../lib/api/types.ts'
import { machine } from '../../testing/machine-world.ts'
import { noticesOf } from './notifications.ts'

const NOW = new Date('2026-03-01T00:00:00Z')
const of = (state?: string, more: object = {}) => machine({}, { status: { ...(state ? { state } : {}), ...more } })
const started = (state: string, more: object = {}) => of(state, { node: 'c1', startedAt: 't', ...more })
const deleted = () => machine({}, { deleted: true, status: { state: 'ACTIVE', startedAt: 't' } })
const bare = () => {
  const machineWithoutStatus = deleted()
  delete machineWithoutStatus.status
  return machineWithoutStatus
}
const anew = (i: Instance): Instance => ({ ...i, metadata: { ...i.metadata, uid: 'uid-other' } })
const told = (old: Instance | undefined, now: Instance | undefined) => noticesOf(old, now, NOW)

test.each<[string, Instance | undefined, Instance | undefined, string[]]>([
  ['first seen', undefined, started('ACTIVE'), []],
  ['nothing new', started('ACTIVE'), started('ACTIVE'), []],
  ['a state that is not known any more', started('ACTIVE'), of(undefined, { node: 'c1', startedAt: 't' }), []],
  ['placed for the first time', of(), of('BUILD', { node: 'c1' }), ['instance.create.start']],
  ['placed again', of('BUILD', { startedAt: 't' }), started('BUILD'), []],
  ['moved without a gap', of('BUILD', { node: 'c1' }), of('BUILD', { node: 'c2' }), []],
  ['given up', of('BUILD', { node: 'c1' }), of('BUILD'), []],
  ['its first start', of('BUILD', { node: 'c1' }), started('ACTIVE'), ['instance.create.end']],
  ['made to be off', of('BUILD', { node: 'c1' }), of('SHUTOFF', { node: 'c1' }), ['instance.create.end']],
  ['moved, and off', started('BUILD'), started('SHUTOFF'), ['instance.power_off.end']],
  ['off before it was ever seen on', of('ERROR'), of('SHUTOFF'), ['instance.power_off.end']],
  ['off', started('ACTIVE'), started('SHUTOFF'), ['instance.power_off.end']],
  ['on', started('SHUTOFF'), started('ACTIVE'), ['instance.power_on.end']],
  ['rescued, which is told of the action', started('ACTIVE'), started('RESCUE'), []],
  ['out of rescue, likewise', started('RESCUE'), started('ACTIVE'), []],
  ['off in rescue', started('RESCUE'), started('SHUTOFF'), ['instance.power_off.end']],
  ['on in rescue', started('SHUTOFF'), started('RESCUE'), ['instance.power_on.end']],
  ['unpaused in rescue', started('PAUSED'), started('RESCUE'), ['instance.unpause.end']],
  ['paused', started('ACTIVE'), started('PAUSED'), ['instance.pause.end']],
  ['unpaused', started('PAUSED'), started('ACTIVE'), ['instance.unpause.end']],
  ['suspended', started('ACTIVE'), started('SUSPENDED'), ['instance.suspend.end']],
  ['resumed', started('SUSPENDED'), started('ACTIVE'), ['instance.resume.end']],
  ['failed before its first start', of('BUILD'), of('ERROR'), ['instance.create.error']],
  ['failed later', started('ACTIVE'), started('ERROR'), ['instance.error']],
  ['to be deleted', started('ACTIVE'), deleted(), ['instance.delete.start']],
  ['still to be deleted', deleted(), deleted(), []],
  ['gone', deleted(), undefined, ['instance.delete.end']],
  ['gone before it was ever looked at', bare(), undefined, ['instance.delete.end']],
  ['gone, and made anew under its name', deleted(), anew(of()), ['instance.delete.end']],
])('%s', (_, old, now, types) => {
  expect(told(old, now).map(({ notification }) => notification.eventType)).toEqual(types)
})

describe('what is told', () => {
  const address = { network: 'lan', port: 'p', ipAddress: '10.0.0.2', macAddress: 'fa:16:3e:00:00:01' }
  const flavor = { name: 'small', vcpus: 1, memoryMiB: 256, rootDiskGiB: 1 }
  const ready = (status: 'True' | 'False') => ({
    ...{ type: 'Ready', status, reason: 'Refused', message: 'why', lastTransitionTime: 't' },
  })
  test('of a machine with all that there is to say', () => {
    const now = started('ERROR', { addresses: [address], flavor, conditions: [ready('False')] })
    Object.assign(now.metadata, { generation: 3, resourceVersion: '77' })
    expect(told(started('ACTIVE'), now)).toEqual([
      {
        id: 'uid-vm.instance.error.3.77',
        notification: {
          ...{ v: expect.any(Number), eventType: 'instance.error', time: '2026-03-01T00:00:00.000Z' },
          ...{ kind: 'Instance', namespace: 'ns', name: 'vm', uid: 'uid-vm' },
          ...{ before: { state: 'ACTIVE' }, after: { state: 'ERROR' } },
          payload: {
            ...{ node: 'c1', flavor, reason: 'Refused', message: 'why' },
            addresses: [{ network: 'lan', ipAddress: '10.0.0.2', macAddress: 'fa:16:3e:00:00:01' }],
          },
        },
      },
    ])
  })

  test('what is not known is left out', () => {
    const bare = of()
    delete bare.metadata.namespace
    const [notice] = told(bare, undefined)
    expect(Object.keys(notice!.notification)).toEqual(['v', 'eventType', 'time', 'kind', 'name', 'uid', 'payload'])
    expect(notice!.notification.payload).toStrictEqual({ addresses: [] })
  })

  test('why, of what is not ready alone', () => {
    const now = started('ACTIVE', { conditions: [ready('True')] })
    expect(told(started('SHUTOFF'), now)[0]!.notification.payload).not.toHaveProperty('reason')
  })

  test('what was deleted has a state before, and none after; what was never looked at has one after alone', () => {
    const [gone] = told(started('ACTIVE'), undefined)
    expect(gone!.notification).toMatchObject({ before: { state: 'ACTIVE' } })
    expect(gone!.notification).not.toHaveProperty('after')
    const [made] = told(of(), of('BUILD', { node: 'c1' }))
    expect(made!.notification).toMatchObject({ after: { state: 'BUILD' } })
    expect(made!.notification).not.toHaveProperty('before')
  })
})
