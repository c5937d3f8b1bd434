// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { Turn } from '../../scheduler/filters/filter.ts'
import { WaitingRoom, type WaitsFor } from './waiting-room.ts'

const place = (turns: Turn[], more: object = {}): WaitsFor => ({ for: 'place', turns: new Set(turns), ...more })
const WAITS: Record<string, WaitsFor> = {
  'ns/any': { for: 'any' },
  'ns/here': { for: 'here', node: 'c1' },
  'ns/there': { for: 'here', node: 'c2' },
  'ns/room': place(['freed']),
  'ns/query': place(['freed', 'taken', 'failures']),
  'ns/apart': place(['freed', 'members'], { group: 'ns/g' }),
  'ns/full': place(['freed', 'built'], { group: 'ns/g' }),
  'ns/near': place(['named'], { named: ['ns/a', 'ns/b'] }),
  'ns/nothing': place([]),
}
function world() {
  const room = new WaitingRoom()
  const woken: string[] = []
  room.onWake((key) => woken.push(key.slice(3)))
  for (const [key, waits] of Object.entries(WAITS)) room.enter(key, waits)
  return { room, woken }
}

test.each<[string, (room: WaitingRoom) => void, string]>([
  ['a node is another', (r) => r.nodeIsOther('c1', true), 'here room query apart full near nothing'],
  ['one that takes no machines is', (r) => r.nodeIsOther('c1', false), 'here'],
  ['room is free', (r) => r.turned('c1', ['freed'], true), 'here room query apart full'],
  ['it is on a node that takes no machines', (r) => r.turned('c2', ['freed'], false), 'there'],
  ['a machine is placed', (r) => r.turned('c1', ['taken'], true), 'query'],
  ['a machine is built', (r) => r.turned('c1', ['built'], true), 'full'],
  ['a node refuses a machine', (r) => r.turned('c1', ['failures'], true), 'query'],
  ['nothing of it', (r) => r.turned('c1', [], true), ''],
  ['members move', (r) => r.groupMoved('ns/g'), 'apart'],
  ['those of another group do', (r) => r.groupMoved('ns/h'), ''],
  ['a machine that is named moves', (r) => r.machineMoved('ns/b'), 'near'],
  ['another one does', (r) => r.machineMoved('ns/c'), ''],
  ['who knows', (r) => r.wakeUncertain(), 'any'],
  ['another profile', (r) => r.wakeAll(), 'any here there room query apart full near nothing'],
])('when %s, those are woken whom it may help', (_, happens, expected) => {
  const { room, woken } = world()
  happens(room)
  expect(woken.join(' ')).toBe(expected)
})

test('those that wait longest are woken first, also after they asked in vain', () => {
  const { room, woken } = world()
  room.enter('ns/room', place(['freed', 'built']))
  room.turned('c9', ['freed'], true)
  expect(woken).toEqual(['room', 'query', 'apart', 'full'])
})

test('who waits for something else, or no more, is woken by that alone', () => {
  const { room, woken } = world()
  room.enter('ns/room', { for: 'here', node: 'c2' })
  room.leave('ns/query')
  room.leave('ns/apart')
  room.leave('ns/gone')
  room.turned('c1', ['freed', 'taken'], true)
  room.groupMoved('ns/g')
  expect(woken).toEqual(['here', 'full'])
  expect(room.size).toBe(Object.keys(WAITS).length - 2)
})

test('who is woken may come back at once', () => {
  const room = new WaitingRoom()
  let woken = 0
  room.onWake((key) => {
    room.leave(key)
    room.enter(key, place(['freed']))
    woken++
  })
  room.enter('ns/a', place(['freed']))
  room.turned('c1', ['freed'], true)
  expect(woken).toBe(1)
})
