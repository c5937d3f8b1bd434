// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { Claimants } from './claimants.ts'

const CHASSIS = '11111111-1111-4111-8111-111111111111'
const OTHER = '22222222-2222-4222-8222-222222222222'
const row = (chassis?: string) => ({
  logical_port: 'p',
  chassis: chassis === undefined ? ['set', []] : ['uuid', chassis],
})
const change = (uuid: string, rows: object) => ({ table: 'Port_Binding', uuid, ...rows }) as never

test('the row that is there says who claims', () => {
  const claimants = new Claimants()
  expect([...claimants.update([change('u', { after: row(CHASSIS) })])]).toEqual(['p'])
  expect(claimants.chassisOf('p')).toBe(CHASSIS)
  claimants.update([change('u', { before: row(CHASSIS), after: row() })])
  expect(claimants.chassisOf('p')).toBeUndefined()
})

test('of a virtual port: which one speaks for it', () => {
  const claimants = new Claimants()
  const held = { ...row(CHASSIS), virtual_parent: 'parent' }
  claimants.update([change('u', { after: held })])
  expect(claimants.virtualParentOf('p')).toBe('parent')
  claimants.update([change('u', { before: held, after: { ...row(), virtual_parent: ['set', []] } })])
  expect(claimants.virtualParentOf('p')).toBeUndefined()
})

test('in a rebuilt database the old row ends after the new one has come', () => {
  const claimants = new Claimants()
  claimants.update([change('old', { after: row(CHASSIS) })])
  claimants.update([change('new', { after: row(OTHER) }), change('old', { before: row(CHASSIS) })])
  expect(claimants.chassisOf('p')).toBe(OTHER)
})

test('a node that comes or goes concerns all that is claimed', () => {
  const claimants = new Claimants()
  claimants.update([change('u', { after: row(CHASSIS) })])
  expect([...claimants.update([{ table: 'Chassis', uuid: CHASSIS, before: { name: 'n1' } }])]).toEqual(['p'])
})
