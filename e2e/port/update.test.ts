// SPDX-License-Identifier: Apache-2.0
// What changes on a Port while packets pass, between two hosts of one network.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { PORT, SECURITY_GROUP } from '../../lib/api/kinds.ts'
import type { GuestDoor } from '../harness/guest-door.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitUntilTrue } from '../harness/wait.ts'

const SHARED = '10.39.0.200'

let project: Project
let here: GuestDoor
let there: GuestDoor
beforeAll(async () => {
  project = await Project.create('port-update', { withImage: false, net: '10.39.0.0/24' })
  await project.create(SECURITY_GROUP, draft.securityGroup(project.at('silent'), { denyEgress: true }))
  here = await project.openDoor()
  there = await project.openDoor({ securityGroupRefs: [{ name: 'silent' }] })
}, 60_000)
afterAll(() => project.destroy(), 60_000)

const patch = (spec: object) => project.patch(PORT, there.port, { spec })
const waitForPing = (address: string, isWanted: boolean) =>
  waitUntilTrue(`${address} to be ${isWanted ? 'reached' : 'silent'}`, async () => {
    return (await here.pings(address, 1)) === isWanted || undefined
  })

test('its security groups, changed and emptied', async () => {
  expect(await here.pings(there.address, 1)).toBe(false)
  await patch({ securityGroupRefs: [{ name: 'default' }, { name: 'silent' }] })
  await waitForPing(there.address, true)
  await patch({ securityGroupRefs: [] })
  await waitForPing(there.address, false)
  await patch({ securityGroupRefs: null })
  await waitForPing(there.address, true)
}, 90_000)

test('an address that it shares with others, allowed and taken back', async () => {
  await there.alias('add', `${SHARED}/24`)
  expect(await here.pings(SHARED, 2)).toBe(false)
  await patch({ allowedAddressPairs: [{ ipAddress: SHARED }] })
  await waitForPing(SHARED, true)
  await patch({ allowedAddressPairs: null })
  await waitForPing(SHARED, false)
}, 90_000)

test('port security switched off and on', async () => {
  await patch({ portSecurityEnabled: false })
  await waitForPing(SHARED, true)
  await patch({ portSecurityEnabled: true })
  await waitForPing(SHARED, false)
  expect(await here.pings(there.address)).toBe(true)
}, 90_000)
