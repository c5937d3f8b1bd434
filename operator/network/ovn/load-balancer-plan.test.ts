// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { TransientError } from '../../../lib/errors.ts'
import { readMap, type OvsRow } from '../../../lib/ovsdb/values.ts'
import type { LogicalListener, LogicalLoadBalancer } from '../logical-kinds.ts'
import { planLoadBalancer } from './load-balancer-plan.ts'
import { markOf } from './marks.ts'
import { Northbound } from './northbound.ts'
import { PLANNERS } from './planners.ts'

const owner = { namespace: 'ns', name: 'x', generation: 1 }
const nb = new Northbound((table) => {
  const kind = table === 'Logical_Router' ? 'Router' : table === 'Logical_Switch' ? 'Network' : undefined
  return new Map(
    kind ? [['00000000-0000-4000-8000-000000000001', { external_ids: markOf({ kind, uid: 'u', ...owner }) }]] : [],
  )
}, PLANNERS)
const http: LogicalListener = { protocol: 'tcp', port: 80, members: [] }
const balancer = (
  listener: Partial<LogicalListener>,
  addresses = ['10.0.0.100'],
  externalAddresses: string[] = [],
): LogicalLoadBalancer => ({
  ...{ kind: 'LoadBalancer', uid: 'lb', ...owner, routerUid: 'u', networkUids: ['u'], addresses, externalAddresses },
  listeners: [{ ...http, ...listener }],
})
const inserted = (want: LogicalLoadBalancer, table = 'Load_Balancer'): OvsRow[] =>
  planLoadBalancer(want, nb).operations.flatMap((one) => (one.op === 'insert' && one.table === table ? [one.row] : []))
const vips = (want: LogicalLoadBalancer) => inserted(want).map(({ vips: map }) => readMap(map))

test('each address has the members, once each and in one order', () => {
  const members = ['10.0.0.12', '10.0.0.11', '10.0.0.11'].map((address) => ({ address, port: 8080 }))
  expect(vips(balancer({ members }, ['10.0.0.100'], ['203.0.113.9']))).toEqual([
    { '10.0.0.100:80': '10.0.0.11:8080,10.0.0.12:8080' },
    { '203.0.113.9:80': '10.0.0.11:8080,10.0.0.12:8080' },
  ])
})

test('addresses of IPv6 stand in brackets', () => {
  const members = [{ address: 'fd00::5', port: 80, portUid: 'p', probeSource: 'fd00::9' }]
  const monitor = { intervalSeconds: 5, timeoutSeconds: 3, successThreshold: 1, failureThreshold: 2 }
  const want = balancer({ members, monitor }, ['fd00::100'])
  expect(vips(want)).toEqual([{ '[fd00::100]:80': '[fd00::5]:80' }])
  expect(inserted(want).map(({ ip_port_mappings: map }) => readMap(map))).toEqual([{ '[fd00::5]': 'p:[fd00::9]' }])
  expect(inserted(want, 'Load_Balancer_Health_Check')).toMatchObject([{ vip: '[fd00::100]:80' }])
})

test.each(['tcp', 'udp', 'sctp'] as const)(
  '%s stands in the row, and in its name: one port may have all of them',
  (protocol) => {
    const members = [{ address: '10.0.0.11', port: 8080 }]
    expect(inserted(balancer({ protocol, members }))).toMatchObject([{ name: `lb-${protocol}-80`, protocol }])
    expect(vips(balancer({ protocol, members }))).toEqual([{ '10.0.0.100:80': '10.0.0.11:8080' }])
  },
)

test('without members it is there, and refuses', () => {
  expect(vips(balancer({}))).toEqual([{ '10.0.0.100:80': '' }])
  expect(readMap(inserted(balancer({}))[0]?.['options'])).toMatchObject({ reject: 'true' })
})

test.each([
  [undefined, undefined],
  [60, '60'],
])('affinity of %p seconds is %p', (affinitySeconds, option) => {
  const [row] = inserted(balancer(affinitySeconds === undefined ? {} : { affinitySeconds }))
  expect(readMap(row?.['options'])['affinity_timeout']).toBe(option)
})

test('it waits for its router', () => {
  expect(() => planLoadBalancer({ ...balancer({}), routerUid: 'other' }, nb)).toThrow(TransientError)
})

test('no router has an address of its inner networks: it would answer for it outside, too', () => {
  const places = (want: LogicalLoadBalancer) =>
    planLoadBalancer(want, nb).operations.flatMap((one) => (one.op === 'mutate' ? [one.table] : []))
  expect(places(balancer({}))).toEqual(['Logical_Switch'])
  expect(places(balancer({}, [], ['203.0.113.9']))).toEqual(['Logical_Router', 'Logical_Switch'])
})
