// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { announcerMac } from '../../../lib/contract/metadata-port.ts'
import { TransientError } from '../../../lib/errors.ts'
import { setOf, uuidOf, type OvsRow } from '../../../lib/ovsdb/values.ts'
import type { LogicalFirewallGroup, LogicalFirewallRule } from '../logical-kinds.ts'
import { planFirewallGroup } from './firewall-plan.ts'
import { Northbound } from './northbound.ts'
import { PLANNERS } from './planners.ts'

const END = '00000000-0000-4000-8000-000000000001'
const rule = (more: Partial<LogicalFirewallRule>): LogicalFirewallRule => ({
  ...{ action: 'allow', etherType: 'IPv4', protocol: 'any', source: {}, destination: {} },
  ...more,
})
const wall = (more: Partial<LogicalFirewallGroup>): LogicalFirewallGroup => ({
  ...{ kind: 'FirewallGroup', uid: 'w', namespace: 'ns', name: 'edge', generation: 1 },
  ports: [{ routerUid: 'r', legUid: 's', addresses: ['10.0.0.1'] }],
  ...more,
})
const routed = new Northbound(
  (table) => new Map(table === 'Logical_Switch_Port' ? [[END, { name: 'router-r-s-switch' }]] : []),
  PLANNERS,
)
/** `to-lport 30000 drop ...` for each rule, the first to be tried first. */
const acls = (want: LogicalFirewallGroup) =>
  planFirewallGroup(want, routed)
    .operations.flatMap((operation): OvsRow[] =>
      operation.op === 'insert' && operation.table === 'ACL' ? [operation.row] : [],
    )
    .sort((a, b) => Number(b['priority']) - Number(a['priority']))
    .map(({ direction, priority, action, match }) => [direction, priority, action, match].join(' '))
const MAC = announcerMac('s')

test('what comes from a router is tried in order, and the rest dropped', () => {
  const ingress = [
    rule({ action: 'deny', source: { prefix: '10.9.0.0/16' } }),
    rule({ action: 'reject', protocol: 'udp' }),
    rule({}),
  ]
  expect(acls(wall({ ingress }))).toEqual([
    'to-lport 30000 drop inport == @nfw_w && ip4 && ip4.src == 10.9.0.0/16',
    'to-lport 29999 reject inport == @nfw_w && ip4 && udp',
    'to-lport 29998 pass inport == @nfw_w && ip4',
    'to-lport 1 drop inport == @nfw_w && ip',
  ])
})

test('what goes to a router is known by its MAC address; what is for the router itself passes', () => {
  expect(acls(wall({ egress: [rule({ protocol: 'tcp', destination: { ports: [443, 443] } })] }))).toEqual([
    `from-lport 32000 pass eth.dst == {${MAC}} && ip4.dst == {10.0.0.1}`,
    `from-lport 30000 pass eth.dst == {${MAC}} && ip4 && tcp && tcp.dst == 443`,
    'to-lport 30000 drop outport == @nfw_w && eth.mcast && ((ip4 && !ip4.mcast) || (ip6 && !ip6.mcast))',
    `from-lport 1 drop eth.dst == {${MAC}} && ip`,
  ])
})

test('a router has a Port’s MAC address and all its addresses where it joins by one', () => {
  const ports = [{ routerUid: 'r', legUid: 's', mac: 'FA:16:3E:00:00:77', addresses: ['10.0.0.9', 'fd00::9'] }]
  expect(acls(wall({ ports, egress: [] })).slice(0, 2)).toEqual([
    'from-lport 32000 pass eth.dst == {fa:16:3e:00:00:77} && ip4.dst == {10.0.0.9}',
    'from-lport 32000 pass eth.dst == {fa:16:3e:00:00:77} && ip6.dst == {fd00::9}',
  ])
})

test('one that stands nowhere has no rules, which would name nobody', () => {
  expect(acls(wall({ ports: [], egress: [] }))).toEqual([])
})

test('it waits for a router’s port that is missing; those that are there have their rules', () => {
  const ports = ['s', 'late'].map((legUid) => ({ routerUid: 'r', legUid, addresses: ['10.0.0.1'] }))
  const { operations, postponed } = planFirewallGroup(wall({ ports, ingress: [] }), routed)
  expect(postponed).toBeInstanceOf(TransientError)
  expect(postponed?.message).toContain('router-r-late')
  const groups = operations.filter((operation) => operation.op === 'insert' && operation.table === 'Port_Group')
  expect(groups).toMatchObject([{ row: { ports: setOf([uuidOf(END)]) } }])
})
