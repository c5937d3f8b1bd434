// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { NextHops } from './next-hops.ts'

const row = (status: string, port = 'router-r-gateway') => ({ logical_port: port, dst_ip: 'fd00::9', status })
const change = { table: 'BFD', uuid: 'u' }

test.each([
  ['admin_down', 'down'],
  ['down', 'down'],
  ['init', 'down'],
  ['up', 'up'],
])('%s is %s, and told of the router', (status, state) => {
  const hops = new NextHops()
  const told: string[][] = []
  hops.onChanged((routers) => told.push([...routers]))
  hops.update([{ ...change, after: row(status) }])
  expect(hops.stateOf({ routerUid: 'r', address: 'FD00::9' })).toBe(state)
  expect(hops.stateOf({ routerUid: 'other', address: 'fd00::9' })).toBeUndefined()
  expect(told).toEqual([['r']])
})

test('a row at a port that is no gateway of ours tells nobody', () => {
  const hops = new NextHops()
  hops.onChanged(() => {
    throw new Error('told')
  })
  hops.update([{ ...change, after: row('up', 'lrp-1') }])
})
