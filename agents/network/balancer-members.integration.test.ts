// SPDX-License-Identifier: Apache-2.0
// Members of a balancer on three nodes with real OVN: how long one that answers nothing is still tried, and what one may send in the balancer's name.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { randomUUID } from 'node:crypto'
import { until } from '../../lib/time/until.ts'
import type { LogicalListener, LogicalPort, RoutedSubnet } from '../../operator/network/logical-kinds.ts'
import { monitorOf } from '../../operator/controllers/load-balancer/to-logical.ts'
import type { OvnNetworkDriver } from '../../operator/network/ovn/ovn-network-driver.ts'
import { startCluster, startInNode, type TestCluster, type TestNode } from './testing/cluster.ts'
import { startNetworkDriver } from './testing/network-driver.ts'

const owner = { namespace: 'ns', name: 'x', generation: 1 }
const [networkUid, routerUid, balancerUid] = [randomUUID(), randomUUID(), randomUUID()]
const VIP = '10.7.0.100'
/**
 * Where members answer past the balancer. Not at 80: to a member a balanced connection and one past the balancer may have the same ends, and it takes the later one
 * for a stray packet of the former (RFC 5961), since Linux gives each address of a peer another clock for its timestamps.
 */
const PAST = 81
const soon = (ms = 20_000): AbortSignal => AbortSignal.timeout(ms)
const subnet: RoutedSubnet = {
  ...{ kind: 'Subnet', ...owner, uid: randomUUID(), networkUid, mtu: 1442 },
  ...{ cidr: '10.7.0.0/24', gatewayIP: '10.7.0.1', alsoAnswers: [VIP] },
  dhcp: { leaseSeconds: 600, dnsNameservers: [], hostRoutes: [] },
}
const free = { portSecurityEnabled: true, securityGroupUids: ['open'], isShared: false, allowedAddressPairs: [] }

let cluster: TestCluster
let driver: OvnNetworkDriver
const uids = new Map<TestNode, string>()
const addressOf = (at: number) => `10.7.0.1${at + 1}`
const macOf = (at: number) => `fa:16:3e:00:07:1${at}`

async function ensurePort(on: TestNode, at: number, more: Partial<LogicalPort> = {}): Promise<void> {
  const fixedIPs = [{ subnetUid: subnet.uid, address: addressOf(at), hasDhcp: true }]
  const port = { uid: uids.get(on) ?? '', networkUid, mac: macOf(at), node: on.name, fixedIPs, ...free, ...more }
  await driver.ensure({ kind: 'Port', ...owner, ...port }, soon())
}

/** As a device of the node's switch. */
async function plugIn(on: TestNode, device: 'guest' | 'forger', at: number): Promise<void> {
  const uid = device === 'guest' ? uids.get(on) : device
  const marks = [`external_ids:iface-id=${uid}`, 'external_ids:nephele-kind=port', `external_ids:nephele-uid=${uid}`]
  const made = [device, '--', 'set', 'Interface', device, 'type=internal', `mac="${macOf(at)}"`, ...marks]
  await on.run('ovs-vsctl', '--timeout=10', 'add-port', 'br-int', ...made)
}

async function startGuest(on: TestNode, at: number): Promise<void> {
  const uid = randomUUID()
  uids.set(on, uid)
  await ensurePort(on, at)
  await plugIn(on, 'guest', at)
  await on.run('ip', 'address', 'add', `${addressOf(at)}/24`, 'dev', 'guest')
  await on.run('ip', 'link', 'set', 'guest', 'up')
  await until(() => driver.isClaimed(uid, on.name) === true, `${on.name} has its guest`, 20_000)
}

const rule = { etherType: 'IPv4', protocol: 'any' } as const
beforeAll(async () => {
  cluster = await startCluster(['left', 'right', 'third'], '10.98.242')
  const spec = { roles: { compute: 'libvirt' }, certificate: 'on disk', ovnRemote: cluster.ovnRemote } as const
  for (const { agent } of cluster.nodes) agent.send({ configure: spec })
  for (const { agent } of cluster.nodes) await agent.waitLine('configured')
  driver = await startNetworkDriver(cluster)
  await driver.ensure({ kind: 'Network', ...owner, uid: networkUid, mtu: 1442 }, soon())
  await driver.ensure(subnet, soon())
  const router = { kind: 'Router', ...owner, uid: routerUid, interfaces: [subnet], ports: [], routes: [] } as const
  await driver.ensure(router, soon())
  const rules = [{ direction: 'ingress', ...rule } as const, { direction: 'egress', ...rule } as const]
  await driver.ensure({ kind: 'SecurityGroup', ...owner, uid: 'open', rules }, soon())
  await driver.ensure({ kind: 'SecurityGroup', ...owner, uid: 'shut', rules: rules.slice(1) }, soon())
  for (const [at, node] of cluster.nodes.entries()) await startGuest(node, at)
  for (const node of cluster.nodes.slice(0, 2))
    for (const port of [80, PAST]) startInNode(node.node, ['socat', `TCP-LISTEN:${port},fork,reuseaddr`, 'SYSTEM:true'])
}, 180_000)
afterAll(async () => {
  await driver?.close()
  await cluster?.stop()
}, 60_000)

/** As a healthMonitor says it, with what is not said. */
async function balance(
  healthMonitor: { intervalSeconds?: number; failureThreshold?: number },
  others: LogicalListener['members'] = [],
): Promise<void> {
  const members = cluster.nodes.slice(0, 2).map((node, at) => ({
    ...{ address: addressOf(at), port: 80, portUid: uids.get(node) ?? '', probeSource: '10.7.0.2' },
  }))
  const monitor = monitorOf({ healthMonitor })
  const listeners: LogicalListener[] = [
    { protocol: 'tcp', port: 80, members: [...members, ...others], ...(monitor ? { monitor } : {}) },
  ]
  const want = { addresses: [VIP], externalAddresses: [], listeners, networkUids: [networkUid], routerUid }
  await driver.ensure({ kind: 'LoadBalancer', ...owner, uid: balancerUid, ...want }, soon())
}
const resultOf = (at: number) =>
  driver.probeOf({
    ...{ portUid: uids.get(cluster.nodes[at]!) ?? '', address: addressOf(at) },
    ...{ protocol: 'tcp', port: 80 },
  })
/**
 * A connection each 100 ms, and one to the member that answers, past the balancer: when those began that were not made, in ms since the epoch. Of moments in
 * which the other one failed, too, nothing is known: the machine is busy.
 */
async function listFailed(seconds: number): Promise<number[]> {
  const once = (to: string, mark: string) =>
    `(b=$(date +%s%3N); timeout 0.9 socat -u /dev/null TCP:${to} 2> /dev/null || echo ${mark} $b) &`
  const both = `${once(`${VIP}:80`, 'balanced')} ${once(`${addressOf(0)}:${PAST}`, 'past')}`
  const script = `for i in $(seq ${seconds * 10}); do ${both} sleep 0.1; done; wait`
  const said = await cluster.nodes[2]!.run('sh', '-c', script)
  const listOf = (mark: string) =>
    said.split('\n').flatMap((line) => (line.startsWith(`${mark} `) ? [Number(line.slice(mark.length))] : []))
  const past = listOf('past')
  return listOf('balanced').filter((at) => past.every((other) => Math.abs(other - at) > 1000))
}
const OUT_MS = 2_000

/** Seconds from the moment at which it answers nothing to the last connection that it was to have. */
async function secondsTried(watched: number): Promise<number> {
  await until(() => resultOf(0) === 'online' && resultOf(1) === 'online', 'both to be online', 30_000)
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 3000))
  const trying = listFailed(watched)
  const begun = Date.now()
  const member = cluster.nodes[1]!
  await member.run('ip', 'link', 'set', 'guest', 'down')
  const failed = (await trying).filter((at) => at > begun)
  expect(resultOf(1)).toBe('offline')
  await member.run('ip', 'link', 'set', 'guest', 'up')
  expect(failed.length).toBeGreaterThan(0)
  // While it is tried half of ten connections a second fail. One alone that takes longer than 0.9 s is a busy machine's.
  const together = failed.filter((at) => failed.filter((other) => Math.abs(other - at) < 1000).length >= 3).sort()
  // It is out when none was tried for two seconds. What fails after that is the machine's: it answers nothing, so that nobody takes it in again.
  const end = together.findIndex((at, i) => (together[i + 1] ?? Infinity) - at > OUT_MS)
  const later = together.slice(end + 1).map((at) => ((at - begun) / 1000).toFixed(2))
  if (later.length > 0) console.log(`failed once it was out: ${later.join(', ')} s`)
  return ((together[end] ?? NaN) - begun) / 1000
}

test.each([
  [{}, 10],
  [{ intervalSeconds: 3 }, 6],
  [{ intervalSeconds: 2, failureThreshold: 1 }, 4],
])(
  'one that answers nothing, by the healthMonitor %j, is out within %i seconds',
  async (healthMonitor, bound) => {
    await balance(healthMonitor)
    const tried: number[] = []
    for (let i = 0; i < 3; i++) tried.push(await secondsTried(bound + 4))
    console.log(`tried for ${tried.map((seconds) => seconds.toFixed(2)).join(', ')} s`)
    expect(Math.max(...tried)).toBeLessThan(bound)
  },
  180_000,
)

/** Both members listen at another port than the balancer. */
async function balanceTo(protocol: 'udp' | 'sctp'): Promise<void> {
  const members = [0, 1].map((at) => ({
    ...{ address: addressOf(at), port: 5353, portUid: uids.get(cluster.nodes[at]!) ?? '' },
  }))
  const listeners: LogicalListener[] = [{ protocol, port: 53, members }]
  const want = { addresses: [VIP], externalAddresses: [], listeners, networkUids: [networkUid], routerUid }
  await driver.ensure({ kind: 'LoadBalancer', ...owner, uid: balancerUid, ...want }, soon())
}

test('datagrams of one client port go to one member, and those of several to both', async () => {
  await balanceTo('udp')
  const ends = cluster.nodes
    .slice(0, 2)
    .map(({ node, name }) => startInNode(node, ['socat', 'UDP-RECVFROM:5353,fork', `SYSTEM:echo ${name}`]))
  const client = cluster.nodes[2]!
  /** The address that answers has to be the one that was asked: the client's socket takes no other. */
  const ask = (port: number) =>
    until(
      async () =>
        (await client.run('sh', '-c', `echo q | socat -t 2 - UDP:${VIP}:53,sourceport=${port}`)).trim() || undefined,
      'an answer',
      20_000,
    )
  const byPort = new Map<number, string>()
  for (let port = 20_001; new Set(byPort.values()).size < 2 && port < 20_040; port++) byPort.set(port, await ask(port))
  expect(new Set(byPort.values())).toEqual(new Set(['left', 'right']))
  for (const [port, name] of [...byPort].slice(-3)) expect([port, await ask(port)]).toEqual([port, name])
  for (const end of ends) end()
}, 120_000)

const CRC32C = `
def crc32c(data):
  crc = 0xffffffff
  for byte in data:
    crc ^= byte
    for _ in range(8): crc = (crc >> 1) ^ (0x82f63b78 if crc & 1 else 0)
  return (crc ^ 0xffffffff).to_bytes(4, "little")`
/** Prints ports and checksum of SCTP packets of the client, for some seconds. RFC 9260: 3.1, appendix A. */
const SCTP_LISTENER = `import socket, time
${CRC32C}
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 132)
s.settimeout(1)
end = time.time() + 9
while time.time() < end:
  try: packet = s.recv(2000)[20:]
  except OSError: continue
  good = crc32c(packet[:8] + bytes(4) + packet[12:]) == packet[8:12]
  print(int.from_bytes(packet[:2], "big"), int.from_bytes(packet[2:4], "big"), "good" if good else "bad")`
/** An INIT from each of sixteen ports: the kernel may have no SCTP of its own. */
const SCTP_CLIENT = `import socket, struct, time
${CRC32C}
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 132)
for i in range(16):
  head = struct.pack("!HHI", 30000 + i, 53, 0)
  init = struct.pack("!BBHIIHHI", 1, 0, 20, 4660 + i, 65535, 1, 1, 1)
  s.sendto(head + crc32c(head + bytes(4) + init) + init, ("${VIP}", 0))
  time.sleep(0.2)`

test('associations of SCTP are shared out by their ports, and arrive with a checksum that fits', async () => {
  await balanceTo('sctp')
  const heard = cluster.nodes.slice(0, 2).map((node) => node.run('python3', '-c', SCTP_LISTENER))
  await new Promise((resolve) => setTimeout(resolve, 2_000))
  await cluster.nodes[2]!.run('python3', '-c', SCTP_CLIENT)
  const [left = [], right = []] = (await Promise.all(heard)).map((text) => text.trim().split('\n'))
  expect(left.length).toBeGreaterThan(0)
  expect(right.length).toBeGreaterThan(0)
  expect([...left, ...right].sort()).toEqual(Array.from({ length: 16 }, (_, i) => `${30_000 + i} 5353 good`))
}, 60_000)

test('a member without port security reaches no other of its node in the balancer’s name; one that gets itself is let in', async () => {
  const other = cluster.nodes[1]!
  const fixedIPs = [{ subnetUid: subnet.uid, address: addressOf(3), hasDhcp: true }]
  const unsafe = { portSecurityEnabled: false, securityGroupUids: [], isShared: false, allowedAddressPairs: [] }
  const port = { uid: 'forger', networkUid, mac: macOf(3), node: other.name, fixedIPs, ...unsafe }
  await driver.ensure({ kind: 'Port', ...owner, ...port }, soon())
  await balance({}, [{ address: addressOf(3), port: 80, portUid: 'forger' }])
  await plugIn(other, 'forger', 3)
  await other.run('ip', 'netns', 'add', 'forger')
  await other.run('ip', 'link', 'set', 'forger', 'netns', 'forger')
  const inside = (...argv: string[]) => other.run('ip', 'netns', 'exec', 'forger', ...argv)
  await inside('ip', 'link', 'set', 'forger', 'up')
  for (const address of [`${addressOf(3)}/24`, `${VIP}/32`])
    await inside('ip', 'address', 'add', address, 'dev', 'forger')
  const end = startInNode(other.node, ['socat', '-u', 'UDP-RECVFROM:9999,fork', 'OPEN:/tmp/heard,creat,append'])
  const send = (from: string, word: string) =>
    inside('sh', '-c', `echo ${word} | socat -u - UDP-SENDTO:${addressOf(1)}:9999,bind=${from}`)
  const heard = async () => (await other.run('sh', '-c', 'cat /tmp/heard || true')).split('\n')
  await until(
    async () => {
      await send(addressOf(3), 'open')
      return (await heard()).includes('open')
    },
    'the other to hear it',
    10_000,
    200,
  )
  await ensurePort(other, 1, { securityGroupUids: ['shut'] })
  await new Promise((resolve) => setTimeout(resolve, 2000))
  for (let i = 0; i < 5; i++) {
    await send(`${addressOf(3)}:${7000 + i}`, 'own')
    await send(`${VIP}:${7000 + i}`, 'forged')
  }
  await new Promise((resolve) => setTimeout(resolve, 500))
  expect((await heard()).filter((word) => word === 'own' || word === 'forged')).toEqual([])
  end()
  // Some of these come back to itself.
  await balance({})
  for (let i = 0; i < 10; i++) await other.run('timeout', '2', 'socat', '-u', '/dev/null', `TCP:${VIP}:80`)
}, 60_000)
