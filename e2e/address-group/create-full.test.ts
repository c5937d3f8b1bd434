// SPDX-License-Identifier: Apache-2.0
// What another namespace lends to a rule: its ranges, and the members of its group. A host has both, one has neither.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { ADDRESS_GROUP, SECURITY_GROUP } from '../../lib/api/kinds.ts'
import { ExecError } from '../../lib/exec.ts'
import { readString } from '../../lib/ovsdb/values.ts'
import type { GuestDoor } from '../harness/guest-door.ts'
import { nbctl, rowsOf, uuidOfRow } from '../harness/northbound.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForReady, waitUntilTrue } from '../harness/wait.ts'

const NEAR = '10.46.0.10'
const FAR = '10.46.0.200'

let project: Project
let library: Project
let target: GuestDoor
let near: GuestDoor
let far: GuestDoor
beforeAll(async () => {
  library = await Project.create('library', { withImage: false })
  project = await Project.create('address-group', { withImage: false, net: '10.46.0.0/24' })
  const sharedWith = [{ namespace: project.namespace }]
  const addresses = ['192.0.2.0/24', `${NEAR}/32`, 'fd00:46::/64']
  await library.create(ADDRESS_GROUP, draft.addressGroup(library.at('partners'), { addresses, sharedWith }))
  await library.create(SECURITY_GROUP, draft.securityGroup(library.at('admins'), { sharedWith }))
  const lent = (name: string) => ({ namespace: library.namespace, name })
  const rules = [
    { direction: 'ingress', protocol: 'icmp', icmpType: 8, remoteAddressGroupRef: lent('partners') },
    { direction: 'ingress', protocol: '6', remoteGroupRef: lent('admins') },
  ]
  await project.create(SECURITY_GROUP, draft.securityGroup(project.at('guarded'), { rules }))
  for (const [owner, kind, name] of [
    [library, ADDRESS_GROUP, 'partners'],
    [library, SECURITY_GROUP, 'admins'],
    [project, SECURITY_GROUP, 'guarded'],
  ] as const)
    await waitForReady(owner.test.client, kind, owner.at(name))
  const at = (ipAddress: string) => ({ fixedIPs: [{ subnetRef: { name: 'net' }, ipAddress }] })
  target = await project.openDoor({ securityGroupRefs: [{ name: 'guarded' }] })
  near = await project.openDoor({ ...at(NEAR), securityGroupRefs: [lent('admins')] })
  far = await project.openDoor(at(FAR))
}, 120_000)
afterAll(async () => {
  await project?.destroy()
  await library?.destroy()
  expect([...(await project.findLeftovers()), ...(await library.findLeftovers())]).toEqual([])
}, 120_000)

const opens = (what: string, from: () => Promise<boolean>, is: boolean) =>
  waitUntilTrue(`${what} to be ${is ? 'open' : 'closed'}`, async () => (await from()) === is || undefined, 30_000)
const pings = (from: GuestDoor) => from.pings(target.address, 1)
/** Whether TCP packets arrive: nothing listens there, and its host says so at once. */
const reaches = async (from: GuestDoor) => {
  try {
    await from.within(['curl', '--silent', '--max-time', '2', `http://${target.address}/`])
    return true
  } catch (error) {
    return error instanceof ExecError && error.exitCode === 7
  }
}
let groupUid: string | undefined
/** Also of a group that has gone meanwhile. */
const sets = async () => {
  groupUid ??= (await library.test.client.get(ADDRESS_GROUP, library.at('partners'))).metadata.uid
  return rowsOf(project.test, 'Address_Set', groupUid)
}

test('who is in the ranges pings, who is in the group connects, and nobody else does', async () => {
  await opens('the ping', () => pings(near), true)
  expect(await pings(far)).toBe(false)
  await opens('TCP', () => reaches(near), true)
  expect(await reaches(far)).toBe(false)
}, 60_000)

test('one more range lets one more in, and touches nothing but the set', async () => {
  const { uid } = (await project.test.client.get(SECURITY_GROUP, project.at('guarded'))).metadata
  const rules = async () => (await rowsOf(project.test, 'ACL', uid)).map(uuidOfRow).sort()
  const before = [await rules(), (await sets()).map(uuidOfRow).sort()]
  await library.patch(ADDRESS_GROUP, 'partners', { spec: { addresses: [`${NEAR}/32`, `${FAR}/32`] } })
  await opens('the ping', () => pings(far), true)
  expect([await rules(), (await sets()).map(uuidOfRow).sort()]).toEqual(before)
}, 60_000)

test('a set that another hand deleted comes back', async () => {
  const [four] = (await sets()).filter((row) => readString(row['name'])?.endsWith('_ip4'))
  await nbctl(project.test, 'destroy', 'Address_Set', uuidOfRow(four!))
  await waitUntilTrue('two sets', async () => (await sets()).length === 2 || undefined)
  await opens('the ping', () => pings(near), true)
}, 60_000)

test('what is no longer shared closes its rules, and those alone; what a rule has is held and says by whom', async () => {
  await library.test.client.remove(ADDRESS_GROUP, library.at('partners'))
  await waitForCondition(library.test.client, ADDRESS_GROUP, library.at('partners'), {
    type: 'Reconciling',
    reason: 'InUse',
    message: new RegExp(`SecurityGroup ${project.namespace}/guarded`),
  })
  expect(await pings(near)).toBe(true)
  await library.patch(SECURITY_GROUP, 'admins', { spec: { sharedWith: null } })
  await waitForCondition(project.test.client, SECURITY_GROUP, project.at('guarded'), {
    type: 'Reconciling',
    reason: 'SecurityGroupNotFound',
    message: /spec.rules\[1\].remoteGroupRef does not exist or is not shared/,
  })
  await opens('TCP', () => reaches(near), false)
  expect(await pings(near)).toBe(true)
  await project.patch(SECURITY_GROUP, 'guarded', { spec: { rules: [] } })
  await waitUntilTrue('the ranges to go', async () => (await sets()).length === 0 || undefined)
  await opens('the ping', () => pings(near), false)
}, 90_000)
