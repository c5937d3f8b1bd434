// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { Probes } from './probes.ts'

const row = (status?: string) => ({
  logical_port: 'p',
  ip: '10.0.0.1',
  protocol: 'tcp',
  port: 80,
  ...(status ? { status } : {}),
})
const member = { portUid: 'p', address: '10.0.0.1', protocol: 'tcp', port: 80 } as const
const change = { table: 'Service_Monitor', uuid: 'u' }

test('what was found last counts, and whose row is gone is unknown', () => {
  const probes = new Probes()
  const told: string[][] = []
  probes.onChanged((ports) => told.push([...ports]))
  probes.update([{ ...change, after: row() }])
  expect(probes.resultOf(member)).toBeUndefined()
  probes.update([{ ...change, before: row(), after: row('online') }])
  expect(probes.resultOf(member)).toBe('online')
  expect(probes.resultOf({ ...member, protocol: 'udp' })).toBeUndefined()
  expect(probes.resultOf({ ...member, address: '10.0.0.2' })).toBeUndefined()
  probes.update([{ ...change, before: row('online'), after: row('offline') }])
  expect(probes.resultOf(member)).toBe('offline')
  probes.update([{ ...change, before: row('offline') }])
  expect(probes.resultOf(member)).toBeUndefined()
  expect(told).toEqual([['p'], ['p'], ['p'], ['p']])
})

test('rows of other tables tell nobody', () => {
  const probes = new Probes()
  probes.onChanged(() => {
    throw new Error('told')
  })
  probes.update([{ table: 'Chassis', uuid: 'u', after: { name: 'n1' } }])
})

test('in a rebuilt database the old row ends after the new one has come', () => {
  const probes = new Probes()
  probes.update([{ ...change, uuid: 'old', after: row('offline') }])
  probes.update([
    { ...change, uuid: 'new', after: row('online') },
    { ...change, uuid: 'old', before: row('offline') },
  ])
  expect(probes.resultOf(member)).toBe('online')
})
