// SPDX-License-Identifier: Apache-2.0
// Guests that are reached from outside of the cloud and reach it: floating IPs, and a router that translates for the rest.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { FLOATING_IP, INSTANCE, ROUTER, SECURITY_GROUP } from '../../lib/api/kinds.ts'
import type { FloatingIP, Instance, Router } from '../../lib/api/types.ts'
import type { GuestDoor } from '../harness/guest-door.ts'
import { rowOf } from '../harness/northbound.ts'
import * as draft from '../harness/objects.ts'
import { outsideGateway, startEcho, type OutsideHost } from '../harness/outside.ts'
import { Project } from '../harness/project.ts'
import { FROM_EVERYWHERE, PUBLIC } from '../harness/public.ts'
import { waitForObject, waitForReady, waitUntilTrue } from '../harness/wait.ts'

let project: Project
let outside: OutsideHost
let door: GuestDoor
const guests: Record<'one' | 'two', Instance> = {} as never
const ready = () => waitForReady<FloatingIP>(project.test.client, FLOATING_IP, project.at('web'))
const answers = (address: string, name: string) =>
  waitUntilTrue(`${name} at ${address}`, async () => (await outside.fetch(address)) === name || undefined)

beforeAll(async () => {
  project = await Project.create('fip-full', { net: '10.75.0.0/24' })
  outside = outsideGateway(project.test)
  await project.create(SECURITY_GROUP, draft.securityGroup(project.at('open'), FROM_EVERYWHERE))
  const groups = { securityGroupRefs: [{ name: 'default' }, { name: 'open' }] }
  const booted = await project.bootGuests({
    one: { ...groups, availabilityZone: 'zone-a' },
    two: { ...groups, availabilityZone: 'zone-b' },
  })
  ;({ door } = booted)
  Object.assign(guests, { one: booted.one, two: booted.two })
  for (const name of ['one', 'two'] as const) await project.waitForMark(name, 'login')
}, 240_000)
afterAll(() => project.destroy(), 120_000)

test('a guest without an address of its own reaches the outside under the router’s', async () => {
  const spec = { interfaces: [{ subnetRef: { name: 'net' } }], externalGateway: PUBLIC }
  await project.create(ROUTER, draft.router(project.at('main'), spec))
  const router = await waitForReady<Router>(project.test.client, ROUTER, project.at('main'))
  const [given] = router.status?.externalGateway?.fixedIPs ?? []
  expect(router.status).toMatchObject({ state: 'ACTIVE', gateways: ['network-1'], externalGateway: { snat: true } })
  await using echo = await startEcho(project.test)
  for (const guest of [guests.one, guests.two])
    expect(await door.ssh(guest, `wget -q -T 10 -O - ${echo.url}`)).toBe(given?.ipAddress)
  // Nobody is let in by that.
  expect(await outside.pings(given?.ipAddress ?? '')).toBe(true)
  expect(await outside.fetch(given?.ipAddress ?? '')).toBeUndefined()
}, 120_000)

test('a floating IP leads to a machine, whose node answers for it, and is what the machine sends under', async () => {
  const spec = { ...PUBLIC, instanceRef: { name: 'one' } }
  await project.create(FLOATING_IP, draft.floatingIP(project.at('web'), spec))
  const { status, metadata } = await ready()
  const address = status?.ipAddress ?? ''
  expect(status).toMatchObject({ state: 'ACTIVE', distributed: true, router: `${project.namespace}/main` })
  await answers(address, 'one')
  expect(await outside.macOf(address)).toBe((await rowOf(project.test, 'NAT', metadata.uid))['external_mac'])
  await using echo = await startEcho(project.test)
  expect(await door.ssh(guests.one, `wget -q -T 10 -O - ${echo.url}`)).toBe(address)
}, 90_000)

test('it moves live to another machine, and keeps its address', async () => {
  const before = (await ready()).status?.ipAddress ?? ''
  await project.patch(FLOATING_IP, 'web', { spec: { instanceRef: { name: 'two' } } })
  const begun = performance.now()
  await answers(before, 'two')
  expect(performance.now() - begun).toBeLessThan(15_000)
  expect((await ready()).status?.ipAddress).toBe(before)
}, 60_000)

test('it is kept when the machine goes, and says what is missing', async () => {
  const before = (await ready()).status?.ipAddress ?? ''
  await project.remove(INSTANCE, 'two')
  const waits = (one: FloatingIP | undefined) => one?.status?.state === 'DOWN'
  const left = await waitForObject<FloatingIP>(project.test.client, FLOATING_IP, project.at('web'), waits, {
    what: 'DOWN',
    timeoutMs: 60_000,
  })
  expect(left?.status?.ipAddress).toBe(before)
  expect(left?.status?.conditions?.find(({ type }) => type === 'Ready')?.reason).toBe('InstanceNotFound')
  await project.patch(FLOATING_IP, 'web', { spec: { instanceRef: { name: 'one' } } })
  await answers(before, 'one')
}, 120_000)

test('without the gateway it leads nowhere, and with it again there', async () => {
  const address = (await ready()).status?.ipAddress ?? ''
  await project.patch(ROUTER, 'main', { spec: { externalGateway: null } })
  const waits = (one: FloatingIP | undefined) =>
    one?.status?.conditions?.some(({ type, reason }) => type === 'Ready' && reason === 'NotRouted') === true
  await waitForObject(project.test.client, FLOATING_IP, project.at('web'), waits, {
    what: 'NotRouted',
    timeoutMs: 30_000,
  })
  expect(await outside.pings(address)).toBe(false)
  await project.patch(ROUTER, 'main', { spec: { externalGateway: PUBLIC } })
  await answers(address, 'one')
}, 90_000)
