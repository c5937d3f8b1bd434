// SPDX-License-Identifier: Apache-2.0
// One address outside for several machines: ports of it lead to ports of theirs, live, for whoever is outside and for the machines
// themselves.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { FLOATING_IP, INSTANCE, ROUTER, SECURITY_GROUP } from '../../lib/api/kinds.ts'
import type { FloatingIP, Instance } from '../../lib/api/types.ts'
import type { GuestDoor } from '../harness/guest-door.ts'
import { rowsOf } from '../harness/northbound.ts'
import * as draft from '../harness/objects.ts'
import { outsideGateway, type OutsideHost } from '../harness/outside.ts'
import { Project } from '../harness/project.ts'
import { FROM_EVERYWHERE, PUBLIC } from '../harness/public.ts'
import { waitForGone, waitForObject, waitForReady, waitUntilTrue } from '../harness/wait.ts'

let project: Project
let outside: OutsideHost
let door: GuestDoor
let address: string
const guests: Record<'one' | 'two', Instance> = {} as never

const to = (name: string, externalPort: number, more: object = {}) => ({
  ...{ protocol: 'tcp', externalPort, internalPort: 80, instanceRef: { name }, ...more },
})
const write = (portForwardings: object[] | null, more: object = {}) =>
  project.patch(FLOATING_IP, 'shared', { spec: { portForwardings, ...more } })
const ready = () => waitForReady<FloatingIP>(project.test.client, FLOATING_IP, project.at('shared'))
const answers = (port: number, name: string) =>
  waitUntilTrue(
    `${name} at port ${port}`,
    async () => (await outside.fetch(`${address}:${port}`)) === name || undefined,
  )
const balancers = async () => rowsOf(project.test, 'Load_Balancer', (await ready()).metadata.uid)

beforeAll(async () => {
  project = await Project.create('fip-update', { net: '10.74.0.0/24' })
  outside = outsideGateway(project.test)
  await project.create(SECURITY_GROUP, draft.securityGroup(project.at('open'), FROM_EVERYWHERE))
  const spec = { interfaces: [{ subnetRef: { name: 'net' } }], externalGateway: PUBLIC }
  await project.create(ROUTER, draft.router(project.at('main'), spec))
  const groups = { securityGroupRefs: [{ name: 'default' }, { name: 'open' }] }
  const booted = await project.bootGuests({
    one: { ...groups, availabilityZone: 'zone-a' },
    two: { ...groups, availabilityZone: 'zone-b' },
  })
  ;({ door } = booted)
  Object.assign(guests, { one: booted.one, two: booted.two })
  for (const name of ['one', 'two'] as const) await project.waitForMark(name, 'login')
}, 240_000)
afterAll(async () => {
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

test('ports of one address lead to two machines on two nodes, and a range to ports in a row', async () => {
  const portForwardings = [
    to('one', 8001),
    to('two', 8002),
    to('two', 9079, { externalEndPort: 9081, internalPort: 79 }),
  ]
  await project.create(FLOATING_IP, draft.floatingIP(project.at('shared'), { ...PUBLIC, portForwardings }))
  const { status } = await ready()
  address = status?.ipAddress ?? ''
  expect(status).toMatchObject({ state: 'ACTIVE', distributed: false, router: `${project.namespace}/main` })
  await answers(8001, 'one')
  await answers(8002, 'two')
  await answers(9080, 'two')
  expect(await outside.fetch(`${address}:9079`)).toBeUndefined()
  expect(await outside.fetch(address)).toBeUndefined()
}, 90_000)

test('the machines reach it, too: the other one, and themselves', async () => {
  const asks = (guest: Instance, port: number) => door.ssh(guest, `wget -q -T 10 -O - http://${address}:${port}/`)
  expect(await asks(guests.one, 8002)).toBe('two')
  expect(await asks(guests.one, 8001)).toBe('one')
}, 60_000)

test('a port leads elsewhere live; one that cannot lead anywhere says why, and the others go on', async () => {
  await write([to('two', 8001), to('two', 8002)])
  await answers(8001, 'two')
  await project.remove(INSTANCE, 'one')
  await write([to('one', 8001), to('two', 8002)])
  const lacks = ({ status }: FloatingIP) => status?.portForwardings?.[0]?.reason === 'InstanceNotFound'
  const left = await waitForObject<FloatingIP>(
    project.test.client,
    FLOATING_IP,
    project.at('shared'),
    (one) => one !== undefined && lacks(one),
    { what: 'InstanceNotFound', timeoutMs: 30_000 },
  )
  expect(left?.status?.state).toBe('ACTIVE')
  await answers(8002, 'two')
  expect(await outside.fetch(`${address}:8001`)).toBeUndefined()
}, 120_000)

test('the whole address leads on instead, and nothing of the ports is left', async () => {
  await write(null, { instanceRef: { name: 'two' } })
  await answers(80, 'two')
  expect((await ready()).status?.ipAddress).toBe(address)
  expect(await balancers()).toEqual([])
}, 60_000)

test('with reclaimPolicy Delete it goes with the machine', async () => {
  await project.patch(FLOATING_IP, 'shared', { spec: { reclaimPolicy: 'Delete' } })
  await project.remove(INSTANCE, 'two')
  await waitForGone(project.test.client, FLOATING_IP, project.at('shared'), 30_000)
}, 60_000)
