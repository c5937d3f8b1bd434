// SPDX-License-Identifier: Apache-2.0
// A firewall between guests of two networks on two nodes: what its rules say in order, answers, its end in the middle of a connection, and
// what it must not touch. Then all of it goes at once.
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { FIREWALL_GROUP, FIREWALL_POLICY, ROUTER, SECURITY_GROUP } from '../../lib/api/kinds.ts'
import type { FirewallGroup, Instance } from '../../lib/api/types.ts'
import { addressOf, type GuestDoor } from '../harness/guest-door.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForReady, waitUntilTrue } from '../harness/wait.ts'

let project: Project
let near: Instance
let far: Instance
let door: GuestDoor
beforeAll(async () => {
  project = await Project.create('firewall', { net: '10.81.0.0/24' })
  await project.createNetwork('far', '10.82.0.0/24')
  const rules = [{ direction: 'ingress' }]
  await project.create(SECURITY_GROUP, draft.securityGroup(project.at('open'), { rules }))
  const securityGroupRefs = [{ name: 'open' }]
  ;({ near, far, door } = await project.bootGuests({
    near: { availabilityZone: 'zone-a', securityGroupRefs },
    far: { availabilityZone: 'zone-b', networks: [{ networkRef: { name: 'far' } }], securityGroupRefs },
  }))
  const interfaces = ['net', 'far'].map((name) => ({ subnetRef: { name } }))
  await project.create(ROUTER, draft.router(project.at('r'), { interfaces }))
  await Promise.all(['near', 'far'].map((name) => project.waitForMark(name, 'login')))
}, 180_000)
afterAll(async () => {
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

const answersOf = async (from: Instance, script: string) => (await door.ssh(from, `${script} || true`)).trim()
const pings = async (from: Instance, address: string) =>
  (await answersOf(from, `ping -c 1 -W 1 ${address} >/dev/null 2>&1 && echo yes`)) === 'yes'
const fetches = (from: Instance, to: Instance) => answersOf(from, `wget -q -T 2 -O - http://${addressOf(to)}/`)
const ruled = (rules: object[]) => project.patch(FIREWALL_POLICY, 'edge', { spec: { rules } })
const http = { action: 'allow', protocol: 'tcp', destinationPorts: { minimum: 80 } }
const icmp = { action: 'allow', protocol: 'icmp' }

/** Guests are reached by ssh from their own network, which no firewall sees; the far one through the near one. */
test('to a network passes what the first matching rule allows, and its answers; nothing else changes', async () => {
  const { client } = project.test
  await waitUntilTrue('the router to lead', async () => (await pings(near, addressOf(far))) || undefined)
  await project.create(FIREWALL_POLICY, draft.firewallPolicy(project.at('edge'), { rules: [http] }))
  const spec = {
    ports: [{ routerRef: { name: 'r' }, subnetRef: { name: 'far' } }],
    ingress: { policyRefs: [{ name: 'edge' }] },
  }
  await project.create(FIREWALL_GROUP, draft.firewallGroup(project.at('edge'), spec))
  const { status } = await waitForReady<FirewallGroup>(client, FIREWALL_GROUP, project.at('edge'))
  expect(status).toMatchObject({ state: 'ACTIVE', ports: [{ router: 'r', subnet: 'far' }] })
  await waitUntilTrue('ping to be stopped', async () => !(await pings(near, addressOf(far))) || undefined)
  expect(await fetches(near, far)).toBe('far')
  // Of this direction nothing is said; the answers come in.
  expect(await pings(near, '10.81.0.1')).toBe(true)

  await ruled([{ ...icmp, action: 'deny', sourceIPPrefix: `${addressOf(near)}/32` }, icmp, http])
  await setTimeout(1000)
  expect(await pings(near, addressOf(far))).toBe(false)
  await ruled([icmp, { ...icmp, action: 'deny' }])
  await waitUntilTrue('ping to pass', async () => (await pings(near, addressOf(far))) || undefined)
  expect(await fetches(near, far)).toBe('')
}, 120_000)

test('what a rule let pass ends with it, even in the middle', async () => {
  const going = answersOf(near, `ping -c 12 -W 1 ${addressOf(far)}`)
  await setTimeout(3000)
  await ruled([http])
  const answered = (await going).match(/seq=\d+/g) ?? []
  expect(answered.length).toBeGreaterThanOrEqual(2)
  expect(answered.length).toBeLessThanOrEqual(6)
}, 60_000)

test('from a network passes what egress allows; the router itself answers, and a policy that is missing changes nothing', async () => {
  await project.patch(FIREWALL_GROUP, 'edge', {
    spec: { ports: [{ routerRef: { name: 'r' } }], ingress: null, egress: { policyRefs: [{ name: 'edge' }] } },
  })
  await waitUntilTrue('all ports', async () => {
    const { status } = await project.test.client.get<FirewallGroup>(FIREWALL_GROUP, project.at('edge'))
    return status?.ports?.length === 2 || undefined
  })
  await waitUntilTrue('http to pass', async () => (await fetches(near, far)) === 'far' || undefined)
  expect(await pings(near, addressOf(far))).toBe(false)
  expect(await pings(near, '10.81.0.1')).toBe(true)

  await project.patch(FIREWALL_GROUP, 'edge', { spec: { egress: { policyRefs: [{ name: 'typo' }] } } })
  const reason = 'FirewallPolicyNotFound'
  await waitForCondition(project.test.client, FIREWALL_GROUP, project.at('edge'), {
    type: 'Reconciling',
    status: 'True',
    reason,
  })
  expect(await fetches(near, far)).toBe('far')
  expect(await pings(near, addressOf(far))).toBe(false)

  await project.remove(FIREWALL_GROUP, 'edge')
  await waitUntilTrue('everything to pass', async () => (await pings(near, addressOf(far))) || undefined)
}, 120_000)
