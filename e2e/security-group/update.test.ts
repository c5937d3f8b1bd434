// SPDX-License-Identifier: Apache-2.0
// Groups as guests feel them: one that serves http, one in the same group, one in another, and a namespace that lies about who it is.
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { SECURITY_GROUP } from '../../lib/api/kinds.ts'
import type { Instance, SecurityGroup } from '../../lib/api/types.ts'
import { addressOf, type GuestDoor } from '../harness/guest-door.ts'
import { Project } from '../harness/project.ts'
import { waitForReady, waitUntilTrue } from '../harness/wait.ts'

let project: Project
let door: GuestDoor
let web: Instance
let peer: Instance
let stranger: Instance
beforeAll(async () => {
  project = await Project.create('groups', { net: '10.70.0.0/24' })
  await createGroup('other', [
    { direction: 'egress' },
    { direction: 'ingress', protocol: 'tcp', portRangeMin: 22, portRangeMax: 22, remoteIPPrefix: '10.70.0.0/24' },
    { direction: 'ingress', protocol: 'icmp' },
  ])
  ;({ web, peer, stranger, door } = await project.bootGuests({
    web: { availabilityZone: 'zone-a' },
    peer: { availabilityZone: 'zone-b' },
    stranger: { securityGroupRefs: [{ name: 'other' }], availabilityZone: 'zone-b' },
  }))
  for (const name of ['web', 'peer', 'stranger']) await project.waitForMark(name, 'login', { timeoutMs: 120_000 })
}, 300_000)
afterAll(() => project.destroy(), 120_000)

async function createGroup(name: string, rules: object[]): Promise<void> {
  const { client } = project.test
  const metadata = { name, namespace: project.namespace }
  await client.create(SECURITY_GROUP, { metadata, spec: { rules } })
  await waitForReady<SecurityGroup>(client, SECURITY_GROUP, metadata)
}

/** What http at `to` answers to a guest; '' when nothing comes. */
const fetchFrom = (guest: Instance, to: Instance) =>
  door.ssh(guest, `wget -q -T 3 -O - http://${addressOf(to)}/ || true`)
const pingFrom = async (guest: Instance, to: Instance) =>
  (await door.ssh(guest, `ping -c 2 -W 2 ${addressOf(to)} > /dev/null && echo yes || echo no`)) === 'yes'

test('the group default: all out, in from the group alone', async () => {
  expect(await fetchFrom(peer, web)).toBe('web')
  expect(await pingFrom(peer, web)).toBe(true)
  expect(await fetchFrom(stranger, web)).toBe('')
  expect(await pingFrom(stranger, web)).toBe(false)
  // Out is open, and answers come in.
  expect(await pingFrom(web, stranger)).toBe(true)
  // The stranger lets in what its own rules name, and no http.
  expect(await fetchFrom(web, stranger)).toBe('')
}, 120_000)

test('a rule opens and closes a port of a running machine', async () => {
  const { client } = project.test
  const ref = { name: 'default', namespace: project.namespace }
  const { spec } = await client.get<SecurityGroup>(SECURITY_GROUP, ref)
  const http = {
    direction: 'ingress',
    protocol: 'tcp',
    portRangeMin: 80,
    portRangeMax: 80,
    remoteGroupRef: { name: 'other' },
  }
  await project.patch(SECURITY_GROUP, 'default', { spec: { rules: [...(spec.rules ?? []), http] } })
  await waitUntilTrue('http to be open', async () => (await fetchFrom(stranger, web)) === 'web' || undefined, 60_000)
  expect(await pingFrom(stranger, web)).toBe(false)
  await project.patch(SECURITY_GROUP, 'default', { spec: { rules: spec.rules } })
  await waitUntilTrue('http to be closed', async () => (await fetchFrom(stranger, web)) === '' || undefined, 60_000)
  expect(await fetchFrom(peer, web)).toBe('web')
}, 180_000)

test('what a rule let in ends with it, even in the middle', async () => {
  const { client } = project.test
  const { spec } = await client.get<SecurityGroup>(SECURITY_GROUP, { name: 'default', namespace: project.namespace })
  const icmp = { direction: 'ingress', protocol: 'icmp', remoteGroupRef: { name: 'other' } }
  await project.patch(SECURITY_GROUP, 'default', { spec: { rules: [...(spec.rules ?? []), icmp] } })
  await waitUntilTrue('ping to be let in', async () => (await pingFrom(stranger, web)) || undefined, 60_000)
  const going = door.ssh(stranger, `ping -c 14 -W 1 ${addressOf(web)} || true`)
  await setTimeout(3000)
  await project.patch(SECURITY_GROUP, 'default', { spec: { rules: spec.rules } })
  const answered = (await going).match(/seq=\d+/g) ?? []
  expect(answered.length).toBeGreaterThanOrEqual(2)
  expect(answered.length).toBeLessThanOrEqual(6)
}, 120_000)

test('packets with an address or a MAC that is not the port’s do not arrive', async () => {
  const [name = ''] = (await door.within(['ls', '/sys/class/net'])).stdout.split('\n').filter((n) => n !== 'lo')
  const arrived = async () => Number(await door.ssh(web, "awk '/^Icmp: [0-9]/ { print $2 }' /proc/net/snmp"))
  const ping = (...more: string[]) =>
    door.within(['ping', '-c', '3', '-i', '0.2', '-W', '1', ...more, addressOf(web)]).catch(() => undefined)

  const before = await arrived()
  await ping()
  const honest = await arrived()
  expect(honest - before).toBe(3)

  await door.within(['ip', 'address', 'add', '10.70.0.200/24', 'dev', name])
  await ping('-I', '10.70.0.200')
  expect(await arrived()).toBe(honest)
  await door.within(['ip', 'address', 'del', '10.70.0.200/24', 'dev', name])

  const mac = (await door.within(['cat', `/sys/class/net/${name}/address`])).stdout.trim()
  const neighbour = ['ip', 'neigh', 'replace', addressOf(web), 'lladdr', web.status?.addresses?.[0]?.macAddress ?? '']
  await door.within(['ip', 'link', 'set', name, 'address', 'fa:16:3e:66:66:66'])
  await door.within([...neighbour, 'dev', name, 'nud', 'permanent'])
  await ping()
  await door.within(['ip', 'link', 'set', name, 'address', mac])
  await door.within([...neighbour, 'dev', name, 'nud', 'permanent'])
  expect(await arrived()).toBe(honest)
  await ping()
  expect(await arrived()).toBe(honest + 3)
}, 120_000)
