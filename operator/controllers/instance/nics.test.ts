// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Instance, InstanceNetwork, Port } from '../../../lib/api/types.ts'
import { automaticPortName } from '../../placed/automatic-port-name.ts'
import { stored } from '../../testing/memory-deps.ts'
import { machine } from '../../testing/machine-world.ts'
import { recordInterfaces } from './interfaces.ts'
import { requestOf } from '../../../lib/api/match-interfaces.ts'
import { isBeforeRecords, listLeaving, listNics } from './nics.ts'

const on = (name: string, more: object = {}): InstanceNetwork => ({ networkRef: { name }, ...more })
const mine = (name: string): InstanceNetwork => ({ portRef: { name } })
/** Its Ports exist under the names that listNics gives, each with its name as UID. */
const given = (instance: Instance): Instance => {
  const ports = listNics(instance).map(({ portName }) =>
    stored<Port>(portName, { networkRef: { name: 'x' } }, { uid: portName }),
  )
  recordInterfaces(instance, ports)
  return instance
}
const after = (had: InstanceNetwork[], now: InstanceNetwork[]) => {
  const instance = given(machine({ networks: had }, { status: { node: 'c1', epoch: 1 } }))
  instance.spec.networks = now
  return instance
}
const slots = (instance: Instance) => listNics(instance).map(({ slot }) => slot)

describe('the place of an interface', () => {
  test.each<[string, InstanceNetwork[], InstanceNetwork[], number[], number[]]>([
    ['is its index at first', [], [on('a'), mine('p'), on('a')], [0, 1, 2], []],
    ['stays when another goes', [on('a'), on('b')], [on('b')], [1], [0]],
    ['stays when they are written in another order', [on('a'), on('b')], [on('b'), on('a')], [1, 0], []],
    ['of a new one is behind', [on('a')], [on('b'), on('a')], [1, 0], []],
    ['of one that is leaving is nobody else’s', [on('a')], [on('b')], [1], [0]],
    ['of two alike: the first stays', [on('a'), on('a')], [on('a')], [0], [1]],
    ['of a Port of one’s own goes by its name', [mine('p'), mine('q')], [mine('q'), mine('r')], [1, 2], [0]],
    ['is another’s when its address is', [on('a')], [on('a', { ipAddress: '10.0.0.5' })], [1], [0]],
    [
      'of the one without an address when that with one goes',
      [on('a', { ipAddress: '10.0.0.5' }), on('a')],
      [on('a')],
      [1],
      [0],
    ],
  ])('%s', (_, had, now, expected, leaving) => {
    const instance = after(had, now)
    expect(slots(instance)).toEqual(expected)
    expect(listLeaving(instance).map(({ slot }) => slot)).toEqual(leaving)
  })

  test('is never two’s, and never moves while it is asked for', () => {
    const entry = fc.oneof(
      fc.constantFrom('a', 'b').map((name) => on(name)),
      fc.constantFrom('a', 'b').map((name) => on(name, { vnicType: 'normal' })),
    )
    const lists = fc.array(fc.array(entry, { maxLength: 5 }), { minLength: 2, maxLength: 6 })
    fc.assert(
      fc.property(lists, (history) => {
        const instance = machine({ networks: [] }, { status: { node: 'c1', epoch: 1 } })
        for (const networks of history) {
          const before = new Map((instance.status?.interfaces ?? []).map((one) => [one.slot, one.portUID]))
          instance.spec.networks = networks
          given(instance)
          const record = instance.status?.interfaces ?? []
          expect(new Set(record.map(({ slot }) => slot)).size).toBe(record.length)
          for (const [slot, uid] of before) expect(record.find((one) => one.slot === slot)?.portUID).toBe(uid)
          expect(listNics(instance).map(({ want }) => want)).toEqual(networks)
        }
      }),
    )
  })
})

test('a Port that was made is found by its name, whatever its index', () => {
  const instance = after([on('a'), on('b')], [on('b')])
  expect(listNics(instance)[0]).toMatchObject({ index: 0, slot: 1, portName: automaticPortName(machine(), 1) })
  expect(listNics(instance)[0]?.portUid).toBe(automaticPortName(machine(), 1))
})

test('recorded once, and not again', () => {
  const instance = given(machine({}, { status: { node: 'c1' } }))
  const [port] = listNics(instance)
  expect(
    recordInterfaces(instance, [stored<Port>(port!.portName, { networkRef: { name: 'x' } }, { uid: port!.portName })]),
  ).toBe(false)
  expect(instance.status?.interfaces).toEqual([
    { slot: 0, port: port!.portName, portUID: port!.portName, request: requestOf(on('lan')) },
  ])
})

test.each<[string, object, boolean]>([
  ['was never placed', {}, false],
  ['was placed by a version without records', { node: 'c1', epoch: 1 }, true],
  ['has a record', { node: 'c1', epoch: 1, interfaces: [] }, false],
])('a machine that %s: %j', (_, status, expected) => {
  expect(isBeforeRecords(machine({}, { status }))).toBe(expected)
})
