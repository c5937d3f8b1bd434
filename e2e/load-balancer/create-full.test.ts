// SPDX-License-Identifier: Apache-2.0
// Two machines on two nodes behind one address: reached from their own network and from another, by themselves, chosen by label, probed, and
// left out while they do not answer; and from outside. Then all of it goes at once.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { FLOATING_IP, INSTANCE, LOAD_BALANCER, ROUTER, SECURITY_GROUP } from '../../lib/api/kinds.ts'
import type { FloatingIP, Instance, LoadBalancer } from '../../lib/api/types.ts'
import type { GuestDoor } from '../harness/guest-door.ts'
import * as draft from '../harness/objects.ts'
import { outsideGateway } from '../harness/outside.ts'
import { Project } from '../harness/project.ts'
import { FROM_EVERYWHERE, PUBLIC } from '../harness/public.ts'
import { waitForReady, waitUntilTrue } from '../harness/wait.ts'

const VIP = '10.83.0.100'
let project: Project
let one: Instance
let two: Instance
let far: Instance
let door: GuestDoor
let farDoor: GuestDoor
beforeAll(async () => {
  project = await Project.create('balancer', { net: '10.83.0.0/24' })
  await project.createNetwork('far', '10.84.0.0/24')
  await project.create(SECURITY_GROUP, draft.securityGroup(project.at('open'), FROM_EVERYWHERE))
  const securityGroupRefs = [{ name: 'default' }, { name: 'open' }]
  ;({ one, two, far, door } = await project.bootGuests({
    one: { availabilityZone: 'zone-a', securityGroupRefs },
    two: { availabilityZone: 'zone-b', securityGroupRefs },
    far: { availabilityZone: 'zone-b', networks: [{ networkRef: { name: 'far' } }] },
  }))
  farDoor = await project.openDoor({}, 'far')
  const interfaces = ['net', 'far'].map((name) => ({ subnetRef: { name } }))
  await project.create(ROUTER, draft.router(project.at('r'), { interfaces, externalGateway: PUBLIC }))
  await waitForReady(project.test.client, ROUTER, project.at('r'))
  await Promise.all(['one', 'two', 'far'].map((name) => project.waitForMark(name, 'login')))
}, 180_000)
afterAll(async () => {
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

/** Who answers a guest at the address, each of so many times; `-`: nobody. */
async function answers(from: Instance, times: number): Promise<string[]> {
  const script = `for i in $(seq ${times}); do wget -q -T 2 -O - http://${VIP}/ || printf -- -; echo; done`
  return (await (from === far ? farDoor : door).ssh(from, script)).split('\n').filter((line) => line !== '')
}
const whoAnswers = async (from: Instance, times = 12) => [...new Set(await answers(from, times))].sort()
const untilAnswered = (from: Instance, by: string[]) =>
  waitUntilTrue(
    `${by.join(' and ')} to answer`,
    async () => String(await whoAnswers(from)) === String(by) || undefined,
    30_000,
  )
const label = (name: string) => project.patch(INSTANCE, name, { metadata: { labels: { app: 'web' } } })
const membersOf = async () => {
  const { status } = await project.test.client.get<LoadBalancer>(LOAD_BALANCER, project.at('web'))
  return (status?.listeners?.[0]?.members ?? []).map((member) =>
    `${member.name} ${member.status} ${member.reason ?? ''}`.trim(),
  )
}
const untilMembers = (want: string[]) =>
  waitUntilTrue(
    `members ${want.join(', ')}`,
    async () => String(await membersOf()) === String(want) || undefined,
    30_000,
  )

test('machines with the label answer at its address, from their network and from another; a new one needs no edit', async () => {
  await label('one')
  const members = [{ instanceSelector: { matchLabels: { app: 'web' } } }]
  const listeners = [{ name: 'http', protocol: 'tcp', port: 80, members }]
  const spec = { vip: { subnetRef: { name: 'net' }, ipAddress: VIP }, listeners }
  await project.create(LOAD_BALANCER, draft.loadBalancer(project.at('web'), spec))
  const { status } = await waitForReady<LoadBalancer>(project.test.client, LOAD_BALANCER, project.at('web'))
  expect(status).toMatchObject({ state: 'ACTIVE', operatingStatus: 'NO_MONITOR', vipAddress: VIP })
  // The group `default` lets in its members, and the far guest is one.
  for (const from of [two, far]) await untilAnswered(from, ['one'])
  await label('two')
  for (const from of [far, two, one]) await untilAnswered(from, ['one', 'two'])
}, 120_000)

test('a client stays with its member when affinity is asked for', async () => {
  await patchListener({ sessionAffinity: { timeoutSeconds: 60 } })
  await waitUntilTrue('one member alone', async () => (await whoAnswers(far, 12)).length === 1 || undefined, 30_000)
  await patchListener({ sessionAffinity: null })
  await untilAnswered(far, ['one', 'two'])
}, 60_000)

test('who does not answer probes is left out, says why, and is taken in again', async () => {
  await patchListener({ healthMonitor: { intervalSeconds: 1, timeoutSeconds: 1, failureThreshold: 2 } })
  await untilMembers(['one ONLINE', 'two ONLINE'])
  await door.ssh(two, 'killall httpd')
  await untilMembers(['one ONLINE', 'two OFFLINE NoAnswer'])
  await untilAnswered(far, ['one'])
  await door.ssh(two, 'httpd -p 80 -h /tmp/www')
  await untilMembers(['one ONLINE', 'two ONLINE'])
  await untilAnswered(far, ['one', 'two'])
}, 120_000)

test('with a FloatingIP it is reached from outside', async () => {
  const outside = outsideGateway(project.test)
  await project.create(
    FLOATING_IP,
    draft.floatingIP(project.at('out'), { ...PUBLIC, loadBalancerRef: { name: 'web' } }),
  )
  const { status } = await waitForReady<FloatingIP>(project.test.client, FLOATING_IP, project.at('out'))
  const seen = new Set<string>()
  await waitUntilTrue('both to answer outside', async () => {
    seen.add((await outside.fetch(status?.ipAddress ?? '')) ?? '-')
    return (seen.has('one') && seen.has('two')) || undefined
  })
}, 60_000)

async function patchListener(more: object): Promise<void> {
  const { spec } = await project.test.client.get<LoadBalancer>(LOAD_BALANCER, project.at('web'))
  await project.patch(LOAD_BALANCER, 'web', { spec: { listeners: [{ ...spec.listeners[0], ...more }] } })
}
