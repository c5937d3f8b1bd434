// SPDX-License-Identifier: Apache-2.0
// An address that moves between two ports, as hosts of another network find it by the router: three nodes with real OVN, under the rights that
// nodes have in the southbound database.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { randomUUID } from 'node:crypto'
import { until } from '../../lib/time/until.ts'
import type { LogicalPort, RoutedSubnet } from '../../operator/network/logical-kinds.ts'
import type { OvnNetworkDriver } from '../../operator/network/ovn/ovn-network-driver.ts'
import { startCluster, type TestCluster, type TestNode } from './testing/cluster.ts'
import { startNetworkDriver } from './testing/network-driver.ts'

const owner = { namespace: 'ns', name: 'x', generation: 1 }
const [near, far, vipUid] = [randomUUID(), randomUUID(), randomUUID()]
const VIP = '10.7.0.100'
const soon = (ms = 20_000): AbortSignal => AbortSignal.timeout(ms)
const subnetOf = (networkUid: string, net: string): RoutedSubnet => ({
  ...{ kind: 'Subnet', ...owner, uid: `${networkUid.slice(0, -1)}0`, networkUid, mtu: 1442 },
  ...{ cidr: `${net}.0/24`, gatewayIP: `${net}.1` },
  dhcp: { leaseSeconds: 600, dnsNameservers: [], hostRoutes: [] },
})
const [inner, other] = [subnetOf(near, '10.7.0'), subnetOf(far, '10.8.0')]
const free = { portSecurityEnabled: true, securityGroupUids: [], isShared: false, allowedAddressPairs: [] }

let cluster: TestCluster
let driver: OvnNetworkDriver
let [left, right, third] = [] as unknown as [TestNode, TestNode, TestNode]
const guests = new Map<TestNode, { uid: string; device: string; mac: string }>()

/** A guest of the node, which has the device in its own network namespace. */
async function startGuest(on: TestNode, subnet: RoutedSubnet, address: string, mac: string): Promise<void> {
  const uid = randomUUID()
  const device = 'guest'
  guests.set(on, { uid, device, mac })
  const allowedAddressPairs = subnet === inner ? [{ ipAddress: VIP }] : []
  const fixedIPs = [{ subnetUid: subnet.uid, address, hasDhcp: true }]
  const port: LogicalPort = {
    kind: 'Port',
    ...owner,
    uid,
    networkUid: subnet.networkUid,
    mac,
    node: on.name,
    fixedIPs,
    ...free,
  }
  await driver.ensure({ ...port, securityGroupUids: ['open'], allowedAddressPairs }, soon())
  const marks = [`external_ids:iface-id=${uid}`, 'external_ids:nephele-kind=port', `external_ids:nephele-uid=${uid}`]
  const made = [device, '--', 'set', 'Interface', device, 'type=internal', `mac="${mac}"`, ...marks]
  await on.run('ovs-vsctl', '--timeout=10', 'add-port', 'br-int', ...made)
  await on.run('ip', 'address', 'add', `${address}/24`, 'dev', device)
  await on.run('ip', 'link', 'set', device, 'up')
  await on.run('ip', 'route', 'add', subnet === inner ? '10.8.0.0/24' : '10.7.0.0/24', 'via', subnet.gatewayIP)
  await until(() => driver.isClaimed(uid, on.name) === true, `${on.name} has its guest`, 20_000)
}

/** As the operator does: an ordinary port until there are others that may speak for it. */
async function ensureVip(...on: TestNode[]): Promise<void> {
  const parents = on.map((node) => ({ portUid: guests.get(node)?.uid ?? '', node: node.name }))
  const fixedIPs = [{ subnetUid: inner.uid, address: VIP, hasDhcp: true }]
  const vip = { uid: vipUid, networkUid: near, mac: 'fa:16:3e:00:07:64', fixedIPs, isShared: on.length > 0 }
  const virtual = on.length > 0 ? { virtual: { address: VIP, parents } } : {}
  await driver.ensure({ kind: 'Port', ...owner, ...free, ...vip, ...virtual }, soon())
}

const rule = { etherType: 'IPv4', protocol: 'any' } as const
beforeAll(async () => {
  cluster = await startCluster(['left', 'right', 'third'], '10.98.243')
  ;[left, right, third] = cluster.nodes as [TestNode, TestNode, TestNode]
  const spec = { roles: { compute: 'libvirt' }, certificate: 'on disk', ovnRemote: cluster.ovnRemote } as const
  for (const { agent } of cluster.nodes) agent.send({ configure: spec })
  for (const { agent } of cluster.nodes) await agent.waitLine('configured')
  driver = await startNetworkDriver(cluster)
  for (const uid of [near, far]) await driver.ensure({ kind: 'Network', ...owner, uid, mtu: 1442 }, soon())
  for (const subnet of [inner, other]) await driver.ensure(subnet, soon())
  const interfaces = [inner, other]
  await driver.ensure({ kind: 'Router', ...owner, uid: randomUUID(), interfaces, ports: [], routes: [] }, soon())
  const rules = [{ direction: 'ingress', ...rule } as const, { direction: 'egress', ...rule } as const]
  await driver.ensure({ kind: 'SecurityGroup', ...owner, uid: 'open', rules }, soon())
  await ensureVip()
  await startGuest(left, inner, '10.7.0.11', 'fa:16:3e:00:07:11')
  await startGuest(right, inner, '10.7.0.12', 'fa:16:3e:00:07:12')
  await startGuest(third, other, '10.8.0.13', 'fa:16:3e:00:08:13')
}, 180_000)
afterAll(async () => {
  await driver?.close()
  await cluster?.stop()
}, 60_000)

const reaches = (address: string) =>
  third.run('ping', '-c', '1', '-W', '1', address).then(
    () => true,
    () => false,
  )

/** Takes the address, and says so as keepalived does. */
async function take(on: TestNode): Promise<void> {
  await on.run('ip', 'address', 'add', `${VIP}/24`, 'dev', 'guest')
  // Nobody answers, which it counts as a failure.
  await on.run('busybox', 'arping', '-U', '-c', '1', '-w', '1', '-I', 'guest', VIP).catch(() => undefined)
}

test('hosts behind the router find it at nobody, at the port that takes it, and within two seconds at the next one', async () => {
  await until(() => reaches('10.7.0.11'), 'the guest’s own address answers', 20_000)
  await ensureVip(left)
  await ensureVip(left, right)
  expect(await reaches(VIP)).toBe(false)
  await take(left)
  await until(() => reaches(VIP), 'the address answers', 10_000)
  expect(driver.virtualHolderOf(vipUid)).toEqual({ portUid: guests.get(left)?.uid, node: 'left' })
  await left.run('ovs-vsctl', '--timeout=10', 'del-port', 'guest')
  const begun = performance.now()
  await take(right)
  await until(() => reaches(VIP), 'the address answers again', 10_000)
  expect(performance.now() - begun).toBeLessThan(2_000 + 1_000) // the last ping that fails waits for a second
  expect(driver.virtualHolderOf(vipUid)).toEqual({ portUid: guests.get(right)?.uid, node: 'right' })
  expect(driver.listTaken()).toEqual([])
}, 60_000)
