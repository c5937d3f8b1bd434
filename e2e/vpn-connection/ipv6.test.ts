// SPDX-License-Identifier: Apache-2.0
// A tunnel in IPv6 to a strongSwan that is not ours carries ranges of both families.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { PORT, ROUTER, SECURITY_GROUP, SUBNET, VPN_CONNECTION, VPN_SERVICE } from '../../lib/api/kinds.ts'
import type { Port, VPNService } from '../../lib/api/types.ts'
import { BEHIND, BEHIND_V6, OUTSIDE_V6, startForeignGateway, type ForeignGateway } from '../harness/foreign-gateway.ts'
import type { GuestDoor } from '../harness/guest-door.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { PUBLIC } from '../harness/public.ts'
import { putKey, untilConnection } from '../harness/vpn.ts'
import { waitForGone, waitForObject, waitForReady, waitUntilTrue } from '../harness/wait.ts'

const KEY = 'known-to-the-office-and-to-us-6'
const OUTSIDE = { namespace: PUBLIC.networkRef.namespace, name: 'vpn-six' }
const POLICY = { encryptionAlgorithm: 'aes-256', authAlgorithm: 'sha256', pfs: 'group14' }
let project: Project
let office: ForeignGateway
let door: GuestDoor
let doorV6 = ''

beforeAll(async () => {
  project = await Project.create('vpn-six', { withImage: false, net: '10.86.0.0/24' })
  const { client } = project.test
  await project.allowUserData()
  const inside = draft.subnet(project.at('net-6'), 'net', 'fd00:86::/64', { ipv6: { addressMode: 'dhcpv6-stateful' } })
  await project.create(SUBNET, inside)
  const spec = { cidr: OUTSIDE_V6.cidr, gatewayIP: OUTSIDE_V6.gateway, dhcp: { enabled: false } }
  await client.create(SUBNET, draft.subnet(OUTSIDE, PUBLIC.networkRef.name, OUTSIDE_V6.cidr, spec))
  for (const at of [project.at('net-6'), OUTSIDE]) await waitForReady(client, SUBNET, at)
  const rules = ['IPv4', 'IPv6'].flatMap((etherType) => [
    { direction: 'ingress', etherType, protocol: etherType === 'IPv4' ? 'icmp' : 'icmpv6' },
    { direction: 'egress', etherType },
  ])
  await project.create(SECURITY_GROUP, draft.securityGroup(project.at('open'), { rules }))
  office = await startForeignGateway(project.test)
  door = await project.openDoor({ securityGroupRefs: [{ name: 'open' }] })
  const { status } = await client.get<Port>(PORT, project.at(door.port))
  doorV6 = status?.fixedIPs?.find(({ ipAddress }) => ipAddress.includes(':'))?.ipAddress ?? ''
  await door.alias('add', `${doorV6}/64`)
  await door.within(['ip', 'route', 'replace', BEHIND.cidr, 'via', '10.86.0.1'])
  await door.within(['ip', 'route', 'replace', BEHIND_V6.cidr, 'via', 'fd00:86::1'])
}, 180_000)
afterAll(async () => {
  await office[Symbol.asyncDispose]()
  await project.destroy()
  await project.test.client.remove(SUBNET, OUTSIDE)
  await waitForGone(project.test.client, SUBNET, OUTSIDE)
}, 180_000)

test('it is asked from our IPv6 address, and guests reach what is behind by both families', async () => {
  const { client } = project.test
  const interfaces = ['net', 'net-6'].map((name) => ({ subnetRef: { name } }))
  await project.create(ROUTER, draft.router(project.at('site'), { interfaces, externalGateway: PUBLIC }))
  await project.create(VPN_SERVICE, draft.vpnService(project.at('site'), { routerRef: { name: 'site' } }))
  const has = (one: VPNService | undefined) => one?.status?.state === 'ACTIVE' && one.status.externalIPv6 !== undefined
  const what = { what: 'ACTIVE with an IPv6 address', timeoutMs: 60_000 }
  const service = await waitForObject<VPNService>(client, VPN_SERVICE, project.at('site'), has, what)
  expect(service?.status?.externalIP).toMatch(/^10\.97\./)
  await putKey(project, 'office', KEY)
  const spec = {
    ...{ vpnServiceRef: { name: 'site' }, peerAddress: OUTSIDE_V6.office, peerID: 'office.example.com' },
    ...{ peerCIDRs: [BEHIND.cidr, BEHIND_V6.cidr], preSharedKeySecretRef: { name: 'office' } },
    ...{ ikePolicy: POLICY, ipsecPolicy: POLICY },
  }
  await office.start(service?.status?.externalIPv6 ?? '', '10.86.0.0/24,fd00:86::/64', { psk: KEY })
  await project.create(VPN_CONNECTION, draft.vpnConnection(project.at('office'), spec))
  await untilConnection(project, 'office', { state: 'ACTIVE' }, 90_000)
  for (const [address, from] of [
    [BEHIND.address, door.address],
    [BEHIND_V6.address, doorV6],
  ] as const)
    await waitUntilTrue(`a ping to ${address}`, async () =>
      door.within(['ping', '-c', '2', '-W', '1', '-I', from, address]).then(
        () => true,
        () => undefined,
      ),
    )
  const { stdout } = await office.run(['ping', '-c', '3', '-i', '0.2', '-I', BEHIND_V6.address, doorV6])
  expect(stdout).toContain(' 0% packet loss')
}, 240_000)
