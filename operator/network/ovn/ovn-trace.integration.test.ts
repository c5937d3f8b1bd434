// SPDX-License-Identifier: Apache-2.0
// What ovn-trace says of our rows, as northd made flows of them.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { LogicalPacket, TraceEnd } from '../logical-trace.ts'
import {
  firewall,
  FIREWALL,
  FLOATING_MAC,
  floatingIP,
  GATEWAY,
  GATEWAY_MAC,
  GROUP,
  MAC,
  NETWORK,
  OUTSIDE_MAC,
  PORT,
  router,
  ROUTER,
  startTracedCloud,
  SUBNET,
} from './testing/traced-cloud.ts'

let cloud: Awaited<ReturnType<typeof startTracedCloud>>
beforeAll(async () => {
  cloud = await startTracedCloud()
}, 60_000)
afterAll(() => cloud.stop())

const packet = (more: Partial<LogicalPacket> = {}): LogicalPacket => ({
  ...{ from: { portUid: PORT.client }, sourceMac: MAC.client, destinationMac: MAC.web, isAnswer: false },
  ...{ source: '10.0.1.11', destination: '10.0.1.12', protocol: 'tcp', sourcePort: 50_000, destinationPort: 80 },
  ...more,
})
const toDb = { destinationMac: GATEWAY_MAC.front, destination: '10.0.2.13' }
const fromOutside = { from: { networkUid: NETWORK.outside }, sourceMac: '0a:00:00:00:0e:99', source: '198.51.100.9' }
const trace = (more?: Partial<LogicalPacket>) => cloud.driver.trace(packet(more), cloud.signal)
const stopped = (stop: object) => ({ what: 'stopped', stop })
const arrived = (uid: string): TraceEnd => ({ what: 'delivered', portUids: [uid] })

test('security groups decide on one network, and answers pass', async () => {
  const open = await trace()
  expect(open.end).toEqual(arrived(PORT.web))
  expect(open.steps).toEqual([
    { what: 'allowed', by: 'SecurityGroup', uid: GROUP.open, direction: 'egress' },
    { what: 'allowed', by: 'SecurityGroup', uid: GROUP.web, direction: 'ingress' },
  ])
  const shut = await trace({ destinationPort: 81 })
  expect(shut.end).toEqual(stopped({ why: 'securityGroups', portUid: PORT.web, direction: 'ingress' }))
  const back = { from: { portUid: PORT.web }, sourceMac: MAC.web, source: '10.0.1.12', sourcePort: 80, isAnswer: true }
  const there = { destinationMac: MAC.client, destination: '10.0.1.11', destinationPort: 50_000 }
  expect((await trace({ ...back, ...there })).end).toEqual(arrived(PORT.client))
  expect((await trace({ ...back, ...there, isAnswer: false })).end).toEqual(
    stopped({ why: 'securityGroups', portUid: PORT.client, direction: 'ingress' }),
  )
  expect((await trace({ protocol: 'icmp' })).end).toEqual(arrived(PORT.web))
})

test('northd is asked once for all questions between two changes: each time every node answers as well', async () => {
  await trace()
  const before = await cloud.asked()
  for (let i = 0; i < 3; i++) await trace({ destinationPort: 90 + i })
  expect(await cloud.asked()).toBe(before)
  await cloud.ensure(router())
  await trace()
  expect(await cloud.asked()).toBe((before ?? 0) + 1)
})

test('who sends under an address that is not its own is stopped, and so is what nobody has', async () => {
  expect((await trace({ source: '10.0.1.99' })).end).toEqual(stopped({ why: 'portSecurity', portUid: PORT.client }))
  expect((await trace({ destinationMac: '0a:00:00:00:00:77' })).end).toEqual(stopped({ why: 'unknownHost' }))
})

test('a router that joins both networks, without a way outside', async () => {
  await cloud.ensure(router())
  const routed = await trace(toDb)
  expect(routed.end).toEqual(arrived(PORT.db))
  expect(routed.steps.map(({ what }) => what)).toEqual(['allowed', 'routed', 'allowed'])
  expect(routed.steps).toContainEqual({ what: 'routed', routerUid: ROUTER })
  expect((await trace({ ...toDb, destination: '10.0.2.99' })).end).toEqual(
    stopped({ why: 'unknownHost', routerUid: ROUTER, legUid: SUBNET.back }),
  )
  expect((await trace({ ...toDb, destination: '198.51.100.9' })).end).toEqual(
    stopped({ why: 'noRoute', routerUid: ROUTER }),
  )
  expect((await trace({ ...toDb, destination: '10.0.1.1', protocol: 'icmp' })).end).toEqual({
    ...{ what: 'answered', routerUid: ROUTER },
  })
  expect((await trace({ ...toDb, destination: '10.0.1.1' })).end).toMatchObject(
    stopped({ why: 'other', stage: 'lr_in_ip_input', routerUid: ROUTER }),
  )
})

test.each(['distributed', 'centralised'])('to the outside, and by a %s floating IP', async (how) => {
  await cloud.ensure(router({ gateway: GATEWAY }), floatingIP(how === 'distributed'))
  const out = await trace({ ...toDb, destination: '198.51.100.9' })
  expect(out.end).toEqual({ what: 'left', networkUid: NETWORK.outside })
  expect(out.steps).toContainEqual({
    ...{ what: 'translated', routerUid: ROUTER, end: 'source', address: '203.0.113.10' },
  })
  const mac = how === 'distributed' ? FLOATING_MAC : OUTSIDE_MAC
  const into = await trace({ ...fromOutside, destinationMac: mac, destination: '203.0.113.20' })
  expect(into.end).toEqual(arrived(PORT.db))
  expect(into.steps).toContainEqual({
    ...{ what: 'translated', routerUid: ROUTER, end: 'destination', address: '10.0.2.13' },
  })
  const answer = await trace({
    ...{ from: { portUid: PORT.db }, sourceMac: MAC.db, destinationMac: GATEWAY_MAC.back, isAnswer: true },
    ...{ source: '10.0.2.13', destination: '198.51.100.9', sourcePort: 80, destinationPort: 50_000 },
  })
  expect(answer.end).toEqual({ what: 'left', networkUid: NETWORK.outside })
  // The answer to a translated connection, from where it is translated back.
  const back = { destinationMac: OUTSIDE_MAC, destination: '10.0.1.11', isAnswer: true }
  expect((await trace({ ...fromOutside, ...back })).end).toEqual(arrived(PORT.client))
  expect((await trace({ ...fromOutside, ...back, isAnswer: false })).end).toMatchObject({
    stop: { why: 'securityGroups', portUid: PORT.client },
  })
})

test.each([
  ['ingress', ['deny'], 1],
  ['ingress', ['reject'], 1],
  ['ingress', [], undefined],
  ['egress', ['deny'], 1],
  ['egress', ['reject'], 1],
  ['egress', [], undefined],
] as const)('a firewall that has %s rules udp and %j', async (direction, actions, rule) => {
  await cloud.ensure(router(), firewall(direction, ...actions))
  expect((await trace(toDb)).end).toEqual(stopped({ why: 'firewall', uid: FIREWALL, direction, rule }))
  await cloud.ensure(firewall(direction, 'allow'))
  const passed = await trace(toDb)
  expect(passed.end).toEqual(arrived(PORT.db))
  expect(passed.steps).toContainEqual({ what: 'allowed', by: 'FirewallGroup', uid: FIREWALL, direction, rule: 1 })
  await cloud.driver.remove('FirewallGroup', FIREWALL, cloud.signal)
})

test('a port that OVN does not have cannot be asked about', async () => {
  const nobody = { from: { portUid: '33333333-0000-4000-8000-000000000099' } }
  await expect(trace(nobody)).rejects.toMatchObject({ reason: 'TraceUnavailable' })
})
