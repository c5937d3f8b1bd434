// SPDX-License-Identifier: Apache-2.0
// A group with each sort of rule, in front of a guest with ssh, http and ping, and what a group without rules lets through.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { SECURITY_GROUP } from '../../lib/api/kinds.ts'
import type { Instance, SecurityGroup } from '../../lib/api/types.ts'
import { addressOf, type GuestDoor } from '../harness/guest-door.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForReady } from '../harness/wait.ts'

const NEAR = '10.45.0.10'
const FAR = '10.45.0.200'

let project: Project
let box: Instance
let near: GuestDoor
let far: GuestDoor
beforeAll(async () => {
  project = await Project.create('group-full', { net: '10.45.0.0/24' })
  await createGroup('admins', [{ direction: 'egress' }, { direction: 'ingress', protocol: 'icmp' }])
  await createGroup('full', [
    { direction: 'ingress', protocol: 'tcp', portRangeMin: 22, portRangeMax: 22, remoteGroupRef: { name: 'admins' } },
    { direction: 'ingress', protocol: 'tcp', portRangeMin: 80, portRangeMax: 81, remoteIPPrefix: '10.45.0.0/25' },
    { direction: 'ingress', protocol: 'udp', portRangeMin: 53, portRangeMax: 53 },
    { direction: 'ingress', protocol: 'icmp', remoteIPPrefix: `${FAR}/32` },
    { direction: 'ingress', etherType: 'IPv6', protocol: 'icmpv6' },
    { direction: 'egress', protocol: 'tcp', portRangeMin: 80, portRangeMax: 80, remoteIPPrefix: '169.254.169.254/32' },
  ])
  const at = (ipAddress: string) => ({ fixedIPs: [{ subnetRef: { name: 'net' }, ipAddress }] })
  const guests = await project.bootGuests(
    { box: { securityGroupRefs: [{ name: 'full' }] } },
    { ...at(FAR), securityGroupRefs: [{ name: 'admins' }] },
  )
  ;({ box, door: far } = guests)
  near = await project.openDoor(at(NEAR))
  await project.waitForMark('box', 'login')
}, 120_000)
afterAll(async () => {
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

async function createGroup(name: string, rules: object[]): Promise<void> {
  const spec = { description: `group ${name}`, rules, sharedWith: [{ namespace: 'somebody-else' }] }
  await project.create(SECURITY_GROUP, draft.securityGroup(project.at(name), spec))
  await waitForReady<SecurityGroup>(project.test.client, SECURITY_GROUP, project.at(name))
}

test('http from the range alone, ping from the one address alone', async () => {
  const [nearHttp, farHttp] = await Promise.all([near.fetch(addressOf(box)), far.fetch(addressOf(box))])
  expect(nearHttp).toBe('box')
  expect(farHttp).toBeUndefined()
  const [farPing, nearPing] = await Promise.all([far.pings(addressOf(box)), near.pings(addressOf(box), 2)])
  expect(farPing).toBe(true)
  expect(nearPing).toBe(false)
}, 60_000)

test('ssh from members of the group alone', async () => {
  expect(await far.ssh(box, 'hostname')).toBe('box')
  await expect(near.ssh(box, 'hostname', 1_000)).rejects.toThrow(/ssh to/)
}, 60_000)

test('out to the metadata service alone', async () => {
  expect(await far.ssh(box, `ping -c 2 -W 1 ${FAR} > /dev/null && echo yes || echo no`)).toBe('no')
  const metadata = await far.ssh(box, 'wget -q -T 3 -O - http://169.254.169.254/openstack/latest/meta_data.json')
  expect(JSON.parse(metadata)).toMatchObject({ name: 'box' })
}, 60_000)
