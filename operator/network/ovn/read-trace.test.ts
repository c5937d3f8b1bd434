// SPDX-License-Identifier: Apache-2.0
// What ovn-trace 25.03 wrote, kept in testing/traces/. trace.integration.test.ts asks the program itself.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { parseTrace } from './parse-trace.ts'
import { readTrace } from './read-trace.ts'

const [client, web, db] = [1, 2, 3].map((n) => `33333333-0000-4000-8000-00000000000${n}`)
const outside = '11111111-0000-4000-8000-00000000000e'
const front = '11111111-0000-4000-8000-000000000001'
const routerUid = '55555555-0000-4000-8000-000000000001'
const back = '22222222-0000-4000-8000-000000000002'
const groups = { open: '44444444-0000-4000-8000-000000000001', web: '44444444-0000-4000-8000-000000000002' }
const stop = (of: object) => ({ what: 'stopped', stop: of })

const recorded = (name: string) => readFileSync(join(import.meta.dirname, 'testing/traces', `${name}.txt`), 'utf8')
const read = (name: string) =>
  readTrace(parseTrace(recorded(name)) ?? [], ({ priority, match }) =>
    match.includes('nfw_') || match.startsWith('eth.dst')
      ? { uid: 'fw', rule: 30_000 - priority, passes: false }
      : undefined,
  )

test.each([
  ['lan-open', { what: 'delivered', portUids: [web] }],
  ['lan-shut', stop({ why: 'securityGroups', portUid: web, direction: 'ingress' })],
  ['spoof', stop({ why: 'portSecurity', portUid: client })],
  // A question for the next hop's MAC address comes before it, which is none of the packet's.
  ['to-world', { what: 'left', networkUid: outside }],
  ['floating-ip', { what: 'delivered', portUids: [db] }],
  // A refusal of OVN's own follows it.
  ['fw-ingress-reject', stop({ why: 'firewall', uid: 'fw', direction: 'ingress', rule: 1 })],
  ['fw-egress-deny', stop({ why: 'firewall', uid: 'fw', direction: 'egress', rule: 1 })],
  ['gateway-ping', { what: 'answered', routerUid }],
  ['router-tcp', stop({ why: 'other', stage: 'lr_in_ip_input', routerUid, portUid: undefined })],
  ['no-route', stop({ why: 'noRoute', routerUid })],
  ['unknown-host', stop({ why: 'unknownHost', routerUid, legUid: back })],
  ['metadata', { what: 'served', networkUid: front }],
])('%s', (name, end) => {
  expect(read(name).end).toEqual(end)
})

test('what a group that logs drops by its own rule is stopped by groups, too', () => {
  const logs = `(outport == @nsg_${groups.web.replaceAll('-', '_')} && ip && !eth.mcast), priority 2001`
  const text = recorded('lan-shut')
    .replace('(outport == @nephele_guard && ip), priority 2001', logs)
    .replace(
      /( +)reg8\[17\] = 1;/,
      (line, indent: string) => `${indent}LOG: ACL name=nsg/x/drop, direction=OUT, verdict=drop\n${line}`,
    )
  expect(text).toContain('LOG: ACL')
  expect(readTrace(parseTrace(text) ?? [], () => undefined).end).toEqual(
    stop({ why: 'securityGroups', portUid: web, direction: 'ingress' }),
  )
})

test('the way of a packet is what it met', () => {
  expect(read('to-world').steps).toEqual([
    { what: 'allowed', by: 'SecurityGroup', uid: groups.open, direction: 'egress' },
    { what: 'routed', routerUid },
    { what: 'translated', routerUid, end: 'source', address: '203.0.113.10' },
  ])
  expect(read('floating-ip').steps).toEqual([
    { what: 'routed', routerUid },
    { what: 'translated', routerUid, end: 'destination', address: '10.0.2.13' },
    { what: 'allowed', by: 'SecurityGroup', uid: groups.web, direction: 'ingress' },
  ])
})

test.each(['unknown port "x"\n', 'error parsing flow: Syntax error\n', ''])('%j is no trace', (text) => {
  expect(parseTrace(text)).toBeUndefined()
})

test('a stage without a flow drops the packet', () => {
  const text = '# tcp\n\ningress(dp="a", inport="b")\n---\n 3. lr_in_ip_input: no match (implicit drop)\n'
  expect(readTrace(parseTrace(text) ?? [], () => undefined).end).toEqual(
    stop({ why: 'other', stage: 'lr_in_ip_input', routerUid: undefined, portUid: undefined }),
  )
})
