// SPDX-License-Identifier: Apache-2.0
// The gateway node that a VPN is on loses its power, and comes back, and loses its switch alone: guests reach the networks behind a strongSwan that
// is not ours, and behind another Router, again.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { SECURITY_GROUP, VPN_CONNECTION, VPN_SERVICE } from '../../lib/api/kinds.ts'
import type { VPNService } from '../../lib/api/types.ts'
import { BEHIND, startForeignGateway, type ForeignGateway } from '../harness/foreign-gateway.ts'
import type { GuestDoor } from '../harness/guest-door.ts'
import * as draft from '../harness/objects.ts'
import { longestGap } from '../harness/ping-gap.ts'
import { Project } from '../harness/project.ts'
import { createSite, putKey, untilConnection } from '../harness/vpn.ts'
import { waitForObject, waitUntilTrue } from '../harness/wait.ts'

const GATEWAYS = ['compute-1', 'compute-2']
const KEY = 'known-to-the-office-and-to-us-2'
const POLICY = { encryptionAlgorithm: 'aes-256', authAlgorithm: 'sha256', pfs: 'group14' }
/** BFD, a charon and its tunnels: some 1.2 s on a quiet machine. */
const MOST_MS = 10_000
const WATCHED_SECONDS = 30
let project: Project
let office: ForeignGateway
/** Hosts of both networks, on a node that carries no gateway. */
let near: GuestDoor
let far: GuestDoor
let lost: string | undefined

const service = (name: string) => project.test.client.get<VPNService>(VPN_SERVICE, project.at(name))
const connection = (name: string, site: string, peerAddress: string, cidr: string, more: object = {}) =>
  project.create(
    VPN_CONNECTION,
    draft.vpnConnection(project.at(name), {
      ...{ vpnServiceRef: { name: site }, peerAddress, peerCIDRs: [cidr], preSharedKeySecretRef: { name: 'key' } },
      ...{ dpd: { intervalSeconds: 2 }, ikePolicy: POLICY, ipsecPolicy: POLICY, ...more },
    }),
  )
const untilActive = async () => {
  for (const name of ['office', 'here', 'there']) await untilConnection(project, name, { state: 'ACTIVE' }, 90_000)
}

beforeAll(async () => {
  project = await Project.create('vpn-lost', { withImage: false, net: '10.84.0.0/24' })
  const { cloud, networkNode } = project.test
  for (const node of GATEWAYS) await cloud.kubectl(['label', 'node', node, 'nephele.dev/network=gateway'])
  // It has OVN's databases.
  await cloud.kubectl(['cordon', networkNode])
  await project.allowUserData()
  await project.createNetwork('far', '10.85.0.0/24')
  const rules = [{ direction: 'ingress', protocol: 'icmp' }, { direction: 'egress' }]
  await project.create(SECURITY_GROUP, draft.securityGroup(project.at('open'), { rules }))
  office = await startForeignGateway(project.test)
  const spec = { securityGroupRefs: [{ name: 'open' }] }
  near = await project.openDoor(spec)
  far = await project.openDoor(spec, 'far')
  for (const cidr of [BEHIND.cidr, '10.85.0.0/24'])
    await near.within(['ip', 'route', 'replace', cidr, 'via', '10.84.0.1'])
  await far.within(['ip', 'route', 'replace', '10.84.0.0/24', 'via', '10.85.0.1'])
  await putKey(project, 'key', KEY)
  const here = await createSite(project, 'here', 'net')
  const there = await createSite(project, 'there', 'far')
  await connection('office', 'here', office.address, BEHIND.cidr, { peerID: 'office.example.com' })
  await connection('here', 'here', there, '10.85.0.0/24')
  await connection('there', 'there', here, '10.84.0.0/24')
  await office.start(here, '10.84.0.0/24', { psk: KEY })
  await untilActive()
}, 240_000)
afterAll(async () => {
  const { cloud, networkNode } = project.test
  if (lost !== undefined) await cloud.startNode(lost)
  await cloud.kubectl(['uncordon', networkNode])
  for (const node of GATEWAYS) await cloud.kubectl(['label', 'node', node, 'nephele.dev/network-'])
  await office[Symbol.asyncDispose]()
  await project.destroy()
}, 180_000)

/** Of pings from the guest to both peers, and from the office to the guest. */
async function gaps(during: () => Promise<unknown>): Promise<Record<string, number>> {
  const within = (argv: readonly string[], timeoutMs?: number) => near.within(argv, timeoutMs)
  const nothing = () => Promise.resolve()
  const [toOffice, fromOffice, toThere] = await Promise.all([
    longestGap(within, BEHIND.address, WATCHED_SECONDS, during),
    longestGap(
      (argv, timeoutMs) => office.run(argv, timeoutMs),
      near.address,
      WATCHED_SECONDS,
      nothing,
      BEHIND.address,
    ),
    longestGap(within, far.address, WATCHED_SECONDS, nothing),
  ])
  return { toOffice, fromOffice, toThere }
}

const reaches = (address: string) => near.pings(address, 1).then((is) => is || undefined)

test('a node that dies: the next one has the address and the tunnels', async () => {
  const { cloud } = project.test
  for (const address of [BEHIND.address, far.address]) await waitUntilTrue('a ping', () => reaches(address))
  const before = await service('here')
  const node = before.status?.node ?? ''
  expect(GATEWAYS).toContain(node)
  console.log(`here is on ${node}, there on ${(await service('there')).status?.node}`)
  const measured = await gaps(async () => {
    lost = node
    await cloud.stopNode(node)
  })
  console.log(`longest gaps: ${JSON.stringify(measured)} ms`)
  const { status } = await service('here')
  expect(status?.node).not.toBe(node)
  expect(status?.externalIP).toBe(before.status?.externalIP)
  for (const gap of Object.values(measured)) expect(gap).toBeLessThan(MOST_MS)
  await untilActive()
}, 180_000)

test('the node is back: it gets its Router again, and the tunnels with it', async () => {
  const node = lost ?? ''
  const measured = await gaps(async () => {
    await project.test.cloud.startNode(node)
    lost = undefined
  })
  console.log(`longest gaps: ${JSON.stringify(measured)} ms`)
  const isBack = (one: VPNService | undefined) => one?.status?.node === node && one.status.pendingReleases === undefined
  await waitForObject<VPNService>(project.test.client, VPN_SERVICE, project.at('here'), isBack, {
    ...{ what: `here on ${node} alone`, timeoutMs: 60_000 },
  })
  for (const gap of Object.values(measured)) expect(gap).toBeLessThan(MOST_MS)
  await untilActive()
  for (const address of [BEHIND.address, far.address]) await waitUntilTrue('a ping', () => reaches(address))
}, 180_000)

test('its switch dies, and its charon does not: the next node takes over all the same', async () => {
  const { cloud } = project.test
  const node = (await service('here')).status?.node ?? ''
  const daemons = ['ovs-vswitchd', 'ovn-controller'] as const
  const measured = await gaps(() => Promise.all(daemons.map((daemon) => cloud.stopDaemon(node, daemon, 'SIGKILL'))))
  console.log(`longest gaps: ${JSON.stringify(measured)} ms`)
  expect((await service('here')).status?.node).not.toBe(node)
  for (const daemon of daemons) await cloud.startDaemon(node, daemon)
  for (const gap of Object.values(measured)) expect(gap).toBeLessThan(MOST_MS)
  await untilActive()
  for (const address of [BEHIND.address, far.address]) await waitUntilTrue('a ping', () => reaches(address))
}, 180_000)
