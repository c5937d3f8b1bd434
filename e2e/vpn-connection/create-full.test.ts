// SPDX-License-Identifier: Apache-2.0
// Two networks of the cloud, each behind a Router of its own, joined by IPsec over the network outside: guests reach each other, a wrong key is
// called wrong, and a new one is taken from its Secret.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { ROUTER, SECURITY_GROUP, VPN_CONNECTION, VPN_SERVICE } from '../../lib/api/kinds.ts'
import type { Instance } from '../../lib/api/types.ts'
import type { GuestDoor } from '../harness/guest-door.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { FROM_EVERYWHERE } from '../harness/public.ts'
import { createSite, putKey, untilConnection } from '../harness/vpn.ts'
import { waitUntilTrue } from '../harness/wait.ts'

const KEY = 'a-key-that-both-sides-have-7f3a'
let project: Project
let near: Instance
let far: Instance
let door: GuestDoor
let farDoor: GuestDoor
const addressOf = (machine: Instance) => machine.status?.addresses?.[0]?.ipAddress ?? ''
const connection = (service: string, peerAddress: string, peerCIDR: string, more: object = {}) =>
  draft.vpnConnection(project.at(service), {
    ...{ vpnServiceRef: { name: service }, peerAddress, peerCIDRs: [peerCIDR] },
    ...{ preSharedKeySecretRef: { name: `key-${service}` }, dpd: { intervalSeconds: 2 }, ...more },
  })
const reaches = async () =>
  (await door.ssh(near, `ping -c 1 -W 1 ${addressOf(far)} >/dev/null 2>&1 && echo yes || echo no`)) === 'yes'

beforeAll(async () => {
  project = await Project.create('vpn-full', { net: '10.81.0.0/24' })
  await project.allowUserData()
  await project.createNetwork('far', '10.82.0.0/24')
  await project.create(SECURITY_GROUP, draft.securityGroup(project.at('open'), FROM_EVERYWHERE))
  const groups = { securityGroupRefs: [{ name: 'default' }, { name: 'open' }] }
  ;({ near, far, door } = await project.bootGuests({
    near: { ...groups, availabilityZone: 'zone-a' },
    far: { ...groups, availabilityZone: 'zone-b', networks: [{ networkRef: { name: 'far' } }] },
  }))
  farDoor = await project.openDoor({}, 'far')
  for (const name of ['near', 'far']) await project.waitForMark(name, 'login')
}, 240_000)
afterAll(async () => {
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

test('guests of both sites reach each other by ping and TCP, both ways', async () => {
  const here = await createSite(project, 'here', 'net')
  const there = await createSite(project, 'there', 'far')
  for (const site of ['here', 'there']) await putKey(project, `key-${site}`, KEY)
  await project.create(VPN_CONNECTION, connection('here', there, '10.82.0.0/24'))
  const begun = performance.now()
  await project.create(VPN_CONNECTION, connection('there', here, '10.81.0.0/24'))
  for (const site of ['here', 'there']) await untilConnection(project, site, { state: 'ACTIVE' })
  console.log(`ACTIVE after ${(performance.now() - begun).toFixed(0)} ms`)
  expect(await waitUntilTrue('a ping', async () => (await reaches()) || undefined)).toBe(true)
  expect(await door.ssh(near, `wget -q -T 10 -O - http://${addressOf(far)}/`)).toBe('far')
  expect(await farDoor.ssh(far, `wget -q -T 10 -O - http://${addressOf(near)}/`)).toBe('near')
}, 180_000)

test('a key that differs says so, and the tunnel is down; with the same one again it is up', async () => {
  await putKey(project, 'key-here', 'another-key-that-only-one-has-1')
  // A change of a Secret is seen within a minute, and when the connection is edited.
  await project.patch(VPN_CONNECTION, 'here', { spec: { dpd: { intervalSeconds: 3 } } })
  const down = await untilConnection(project, 'here', { state: 'DOWN', reason: 'AuthenticationFailed' })
  expect(down?.status?.conditions?.find(({ type }) => type === 'Ready')?.message).toContain('pre-shared key')
  expect(await reaches()).toBe(false)
  await putKey(project, 'key-there', 'another-key-that-only-one-has-1')
  for (const site of ['here', 'there']) await untilConnection(project, site, { state: 'ACTIVE' }, 150_000)
  await waitUntilTrue('a ping', async () => (await reaches()) || undefined)
}, 300_000)

test('a Router stays while it has a VPNService, and that while it has connections', async () => {
  const { client } = project.test
  for (const kind of [ROUTER, VPN_SERVICE]) await client.remove(kind, project.at('here'))
  for (const [kind, holder] of [
    [ROUTER, 'VPNService'],
    [VPN_SERVICE, 'VPNConnection'],
  ] as const)
    await waitUntilTrue(`${kind.kind} InUse by ${holder}`, async () => {
      const { status } = await client.get<{ status?: { conditions?: { message: string }[] } } & Instance>(
        kind,
        project.at('here'),
      )
      return (
        status?.conditions?.some(({ message }) => message.includes(`${holder} ${project.namespace}/here`)) || undefined
      )
    })
  await project.remove(VPN_CONNECTION, 'here')
  await waitUntilTrue('the Router is gone', async () =>
    (await client.find(ROUTER, project.at('here'))) === undefined ? true : undefined,
  )
  await untilConnection(project, 'there', { state: 'DOWN' })
}, 120_000)
