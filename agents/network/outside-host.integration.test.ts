// SPDX-License-Identifier: Apache-2.0
// A host that is no machine of the cloud, on the physical network of three nodes with real OVN: they give it its address and route for it, one
// at a time, under the rights that nodes have in the southbound database.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { randomUUID } from 'node:crypto'
import { until } from '../../lib/time/until.ts'
import { stopDaemon } from '../../local/node/daemons.ts'
import type { LogicalPort, RoutedSubnet } from '../../operator/network/logical-kinds.ts'
import type { OvnNetworkDriver } from '../../operator/network/ovn/ovn-network-driver.ts'
import { startCluster, type TestCluster, type TestNode } from './testing/cluster.ts'
import { startNetworkDriver } from './testing/network-driver.ts'

const owner = { namespace: 'ns', name: 'x', generation: 1 }
const [dc, lan, hostUid, guestUid] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()]
const [HOST_MAC, GUEST_MAC] = ['52:54:00:00:00:01', 'fa:16:3e:00:00:02']
const soon = (ms = 20_000): AbortSignal => AbortSignal.timeout(ms)
const subnetOf = (networkUid: string, cidr: string, gatewayIP: string, mtu: number): RoutedSubnet => ({
  ...{ kind: 'Subnet', ...owner, uid: `${networkUid.slice(0, -1)}0`, networkUid, cidr, gatewayIP, mtu },
  dhcp: { leaseSeconds: 600, dnsNameservers: ['10.7.0.2'], hostRoutes: [] },
})
const [outer, inner] = [subnetOf(dc, '10.7.0.0/24', '10.7.0.1', 1500), subnetOf(lan, '10.8.0.0/24', '10.8.0.1', 1442)]
const free = { portSecurityEnabled: false, securityGroupUids: [], allowedAddressPairs: [], isShared: false }
const host = (...servedBy: string[]): LogicalPort => ({
  ...{ kind: 'Port', ...owner, uid: hostUid, networkUid: dc, mac: HOST_MAC, servedBy, ...free },
  fixedIPs: [{ subnetUid: outer.uid, address: '10.7.0.11', hasDhcp: true }],
})

let cluster: TestCluster
let driver: OvnNetworkDriver
let [left, right, third, bare] = [] as unknown as [TestNode, TestNode, TestNode, TestNode]
beforeAll(async () => {
  cluster = await startCluster(['left', 'right', 'third', 'bare'], '10.98.246')
  ;[left, right, third, bare] = cluster.nodes as [TestNode, TestNode, TestNode, TestNode]
  const physicalNetworks = [{ name: 'phys', interface: 'eth2' }]
  const spec = { roles: { gateway: true }, certificate: 'on disk', ovnRemote: cluster.ovnRemote, physicalNetworks }
  for (const { agent } of [left, right, third]) agent.send({ configure: spec })
  for (const { agent } of [left, right, third]) await agent.waitLine('configured')
  driver = await startNetworkDriver(cluster)
  await driver.ensure({ kind: 'Network', ...owner, uid: dc, mtu: 1500, provider: { physicalNetwork: 'phys' } }, soon())
  await driver.ensure({ kind: 'Network', ...owner, uid: lan, mtu: 1442 }, soon())
  for (const subnet of [outer, inner]) await driver.ensure(subnet, soon())
  await driver.ensure(
    { kind: 'Router', ...owner, uid: randomUUID(), interfaces: [outer, inner], ports: [], routes: [] },
    soon(),
  )
  const fixedIPs = [{ subnetUid: inner.uid, address: '10.8.0.11', hasDhcp: true }]
  const guest = { uid: guestUid, networkUid: lan, mac: GUEST_MAC, node: 'right', fixedIPs }
  await driver.ensure({ kind: 'Port', ...owner, ...guest, ...free }, soon())
  const device = ['guest', '--', 'set', 'Interface', 'guest', 'type=internal', `mac="${GUEST_MAC}"`]
  await right.run('ovs-vsctl', '--timeout=10', 'add-port', 'br-int', ...device, `external_ids:iface-id=${guestUid}`)
  await right.run('ip', 'address', 'add', '10.8.0.11/24', 'dev', 'guest')
  await right.run('ip', 'link', 'set', 'guest', 'up')
  await right.run('ip', 'route', 'add', '10.7.0.0/24', 'via', '10.8.0.1')
  await right.run('ethtool', '-K', 'guest', 'tx', 'off')
  await bare.run('ip', 'link', 'set', 'eth2', 'address', HOST_MAC, 'up')
}, 180_000)
afterAll(async () => {
  await driver?.close()
  await cluster?.stop()
}, 60_000)

const BFD = ['ovs-vsctl', '--bare', '--columns=bfd_status', 'find', 'Interface', 'bfd_status:forwarding=true']
const claimedBy = (node: string) => until(() => driver.isClaimed(hostUid, node) === true, `${node} has it`, 20_000)
const lease = () => {
  const script = '/src/agents/network/testing/dhcp-client.sh'
  return bare.run(
    'busybox',
    'udhcpc',
    '-i',
    'eth2',
    '-O',
    'mtu',
    '-O',
    'staticroutes',
    '-t',
    '10',
    '-T',
    '1',
    '-n',
    '-q',
    '-s',
    script,
  )
}
const reaches = async (address: string) =>
  until(
    () =>
      bare.run('ping', '-c', '1', '-W', '1', address).then(
        () => true,
        () => false,
      ),
    `${address} answers`,
    20_000,
  )

test('the first of its nodes gives it its address, and guests of other networks reach it by the router', async () => {
  const told: string[] = []
  driver.onUnreportedClaims((uids) => told.push(...uids))
  await driver.ensure(host('left', 'right'), soon())
  await claimedBy('left')
  expect(told).toContain(hostUid)
  expect(await lease()).toContain('lease ip=10.7.0.11 mtu=1500 dns=10.7.0.2')
  await reaches('10.7.0.1')
  await reaches('10.8.0.11')
  expect(driver.listTaken()).toEqual([])
}, 60_000)

test('the order of its nodes changes while it is served: the one that has it lets go', async () => {
  await driver.ensure(host('right', 'left'), soon())
  await claimedBy('right')
  expect(await lease()).toContain('lease ip=10.7.0.11')
  await driver.ensure(host('left'), soon())
  await claimedBy('left')
  await driver.ensure(host('left', 'right'), soon())
}, 60_000)

test('when a node dies, the next one serves it', async () => {
  // Of two alone neither takes the other for dead, since it may be the one that is cut off: OVN, ha_chassis_group_is_active.
  await driver.ensure(host('left', 'right', 'third'), soon())
  await until(
    async () =>
      (await right.run(...BFD))
        .trim()
        .split('\n')
        .filter((line) => line !== '').length > 1,
    'right hears both others',
    20_000,
  )
  await claimedBy('left')
  for (const daemon of ['ovn-controller', 'ovs-vswitchd'] as const) await stopDaemon(left.node, daemon)
  await claimedBy('right')
  expect(await lease()).toContain('lease ip=10.7.0.11')
  expect(driver.listTaken()).toEqual([])
}, 60_000)
