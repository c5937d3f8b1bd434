// SPDX-License-Identifier: Apache-2.0
// An address that two guests share: one has it, and when its machine dies the other takes it over, for hosts of the Network, for other Networks by the
// Router, and for the outside by a FloatingIP.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { FLOATING_IP, PORT, ROUTER, SECURITY_GROUP } from '../../lib/api/kinds.ts'
import type { FloatingIP, Instance, Port } from '../../lib/api/types.ts'
import type { GuestDoor } from '../harness/guest-door.ts'
import * as draft from '../harness/objects.ts'
import { outsideGateway, type OutsideHost } from '../harness/outside.ts'
import { Project } from '../harness/project.ts'
import { FROM_EVERYWHERE, PUBLIC } from '../harness/public.ts'
import { waitForObject, waitForReady, waitUntilTrue } from '../harness/wait.ts'

const VIP = '10.65.0.100'
const CLAIM = `ip addr add ${VIP}/24 dev eth0; arping -U -c 2 -I eth0 ${VIP}; true`

let project: Project
let outside: OutsideHost
let door: GuestDoor
let far: GuestDoor
let floating = ''
const guests: Record<'one' | 'two', Instance> = {} as never
const vip = (isWanted: (port: Port | undefined) => boolean, what: string) =>
  waitForObject<Port>(project.test.client, PORT, project.at('vip'), isWanted, { what })

beforeAll(async () => {
  project = await Project.create('port-vip', { net: '10.65.0.0/24' })
  outside = outsideGateway(project.test)
  await project.createNetwork('far', '10.66.0.0/24')
  await project.create(SECURITY_GROUP, draft.securityGroup(project.at('open'), FROM_EVERYWHERE))
  const interfaces = ['net', 'far'].map((name) => ({ subnetRef: { name } }))
  await project.create(ROUTER, draft.router(project.at('r'), { interfaces, externalGateway: PUBLIC }))
  const fixedIPs = [{ subnetRef: { name: 'net' }, ipAddress: VIP }]
  await project.create(PORT, draft.port(project.at('vip'), 'net', { fixedIPs }))
  const speaks = {
    allowedAddressPairs: [{ ipAddress: VIP }],
    securityGroupRefs: [{ name: 'default' }, { name: 'open' }],
  }
  for (const name of ['one', 'two']) await project.create(PORT, draft.port(project.at(name), 'net', speaks))
  const at = (name: string, availabilityZone: string) => ({ networks: [{ portRef: { name } }], availabilityZone })
  const booted = await project.bootGuests({ one: at('one', 'zone-a'), two: at('two', 'zone-b') })
  door = booted.door
  Object.assign(guests, { one: booted.one, two: booted.two })
  far = await project.openDoor({}, 'far')
  await far.within(['ip', 'route', 'add', 'default', 'via', '10.66.0.1'])
  for (const name of ['one', 'two'] as const) await project.waitForMark(name, 'login')
  await project.create(FLOATING_IP, draft.floatingIP(project.at('web'), { ...PUBLIC, portRef: { name: 'vip' } }))
  const { status } = await waitForReady<FloatingIP>(project.test.client, FLOATING_IP, project.at('web'))
  floating = status?.ipAddress ?? ''
}, 240_000)
afterAll(() => project.destroy(), 120_000)

test('nobody has it at first; the one that says so has it, and the Port says which', async () => {
  const free = await vip((p) => p?.status?.virtual?.parents.length === 2, 'both may have it')
  expect(free?.status).toMatchObject({ state: 'DOWN', virtual: { ipAddress: VIP, parents: ['one', 'two'] } })
  expect(await far.pings(VIP, 1)).toBe(false)
  await door.ssh(guests.one, CLAIM)
  const held = await vip((p) => p?.status?.virtual?.holder?.port === 'one', 'one has it')
  expect(held?.status).toMatchObject({ state: 'ACTIVE', virtual: { holder: { node: guests.one.status?.node } } })
  for (const from of [door, far])
    await waitUntilTrue('one at the address', async () => (await from.fetch(VIP)) === 'one' || undefined)
  await waitUntilTrue('one from outside', async () => (await outside.fetch(floating)) === 'one' || undefined)
}, 90_000)

test('its machine dies: the other one, which watches it, takes it over, and everybody finds it there within two seconds', async () => {
  const peer = guests.one.status?.addresses?.[0]?.ipAddress ?? ''
  const watch = `while ping -c 1 -W 1 ${peer} >/dev/null; do sleep 0.1; done; cut -d' ' -f1 /proc/uptime > /tmp/took; ${CLAIM}`
  await door.ssh(guests.two, `setsid sh -c "${watch}" >/dev/null 2>&1 </dev/null & sleep 1`)
  // Who answers, and when, in milliseconds: asked without pause until the other one has answered for a while.
  const ask = (address: string) =>
    `i=0; while [ $i -lt 100 ]; do n=$(curl -s --max-time 0.25 http://${address}/) && echo "$n $(date +%s%3N)"; sleep 0.05; i=$((i + 1)); done`
  const asked = [
    door.within(['sh', '-c', ask(VIP)], 60_000),
    far.within(['sh', '-c', ask(VIP)], 60_000),
    outside.within(['sh', '-c', ask(floating)], 60_000),
  ]
  await project.test.cloud.exec(guests.one.status?.node ?? '', ['virsh', 'destroy', guests.one.metadata.uid])
  const gaps = (await Promise.all(asked)).map(({ stdout }) => {
    const answers = stdout
      .trim()
      .split('\n')
      .map((line) => line.split(' ') as [string, string])
    const last = answers.findLast(([name]) => name === 'one')?.[1]
    const first = answers.find(([name]) => name === 'two')?.[1]
    return Number(first) - Number(last)
  })
  process.stdout.write(
    `the address was silent for ${gaps.join(', ')} ms: on the Network, by the Router, from outside\n`,
  )
  for (const gap of gaps) expect(gap).toBeLessThanOrEqual(2_000)
  const held = await vip((p) => p?.status?.virtual?.holder?.port === 'two', 'two has it')
  expect(held?.status?.virtual?.holder?.node).toBe(guests.two.status?.node)
}, 120_000)

test('the Port goes, and the guest that spoke for it goes on', async () => {
  await project.remove(FLOATING_IP, 'web')
  await project.remove(PORT, 'vip')
  expect(await door.ssh(guests.two, 'hostname')).toBe('two')
  const port = await waitForReady<Port>(project.test.client, PORT, project.at('two'))
  expect(port.status?.state).toBe('ACTIVE')
}, 90_000)
