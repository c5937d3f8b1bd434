// SPDX-License-Identifier: Apache-2.0
// A tunnel to a strongSwan that is not ours.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { SECURITY_GROUP, VPN_CONNECTION } from '../../lib/api/kinds.ts'
import { BEHIND, startForeignGateway, type ForeignGateway } from '../harness/foreign-gateway.ts'
import type { GuestDoor } from '../harness/guest-door.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { FROM_EVERYWHERE } from '../harness/public.ts'
import { createSite, putKey, untilConnection } from '../harness/vpn.ts'
import { waitUntilTrue } from '../harness/wait.ts'

const KEY = 'known-to-the-office-and-to-us-1'
const CLASSIC = { encryptionAlgorithm: 'aes-256', authAlgorithm: 'sha256', pfs: 'group14' }
let project: Project
let office: ForeignGateway
let door: GuestDoor
let ours = ''

beforeAll(async () => {
  project = await Project.create('vpn-foreign', { withImage: false, net: '10.83.0.0/24' })
  await project.allowUserData()
  await project.create(
    SECURITY_GROUP,
    draft.securityGroup(project.at('open'), { rules: [...FROM_EVERYWHERE.rules, { direction: 'egress' }] }),
  )
  office = await startForeignGateway(project.test)
  door = await project.openDoor({ securityGroupRefs: [{ name: 'open' }] })
  await door.within(['ip', 'route', 'replace', BEHIND.cidr, 'via', '10.83.0.1'])
  ours = await createSite(project, 'site', 'net')
  await putKey(project, 'office', KEY)
}, 180_000)
afterAll(async () => {
  await office[Symbol.asyncDispose]()
  await project.destroy()
}, 180_000)

const pings = async () =>
  door.within(['ping', '-c', '1', '-W', '1', BEHIND.address]).then(
    () => true,
    () => undefined,
  )
const state = (wanted: string, reason?: string, timeoutMs = 60_000) =>
  untilConnection(project, 'office', { state: wanted, ...(reason === undefined ? {} : { reason }) }, timeoutMs)
test('a tunnel to a foreign strongSwan carries packets both ways', async () => {
  const spec = {
    ...{ vpnServiceRef: { name: 'site' }, peerAddress: office.address, peerID: 'office.example.com' },
    ...{ peerCIDRs: [BEHIND.cidr], preSharedKeySecretRef: { name: 'office' }, dpd: { intervalSeconds: 2 } },
    ...{ ikePolicy: CLASSIC, ipsecPolicy: CLASSIC },
  }
  await project.create(VPN_CONNECTION, draft.vpnConnection(project.at('office'), spec))
  await state('DOWN', 'PeerNotAnswering')
  await office.start(ours, '10.83.0.0/24', KEY)
  await state('ACTIVE', undefined, 90_000)
  await waitUntilTrue('a ping', pings)
  const { stdout } = await office.run(['ping', '-c', '3', '-i', '0.2', '-I', BEHIND.address, door.address])
  expect(stdout).toContain(' 0% packet loss')
}, 180_000)
