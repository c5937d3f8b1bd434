// SPDX-License-Identifier: Apache-2.0
// A probe is sent as if a guest had, between two nodes with real OVN: what is heard of each kind of machine, and what the guests see.
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { randomUUID } from 'node:crypto'
import type { ObservedDocument, ProbeAnswer, ProbeSpec } from '../../lib/contract/documents.ts'
import { until } from '../../lib/time/until.ts'

import type { LogicalPort, RoutedSubnet } from '../../operator/network/logical-kinds.ts'
import type { OvnNetworkDriver } from '../../operator/network/ovn/ovn-network-driver.ts'
import { startCluster, startInNode, type TestCluster, type TestNode } from './testing/cluster.ts'
import { startNetworkDriver } from './testing/network-driver.ts'
import { Workload } from './testing/workload.ts'

const owner = { namespace: 'ns', name: 'x', generation: 1 }
const soon = (ms = 20_000): AbortSignal => AbortSignal.timeout(ms)
const networkUid = randomUUID()
const v4: RoutedSubnet = {
  ...{ kind: 'Subnet', ...owner, uid: randomUUID(), networkUid, mtu: 1442, cidr: '10.7.0.0/24', gatewayIP: '10.7.0.1' },
  dhcp: { leaseSeconds: 600, dnsNameservers: [], hostRoutes: [] },
}
/** A physical network, on which the node `left` is a host outside. */
const publicUid = randomUUID()
const publicV4: RoutedSubnet = {
  ...v4,
  uid: randomUUID(),
  networkUid: publicUid,
  cidr: '10.9.0.0/24',
  gatewayIP: '10.9.0.1',
}
const SERVER = { address: '10.9.0.13', v6: 'fd00:9::13', mac: 'fa:16:3e:00:09:13' }
const NEAR = { address: '10.7.0.11', v6: 'fd00:7::11', mac: 'fa:16:3e:00:07:11' }
const FAR = { address: '10.7.0.12', v6: 'fd00:7::12', mac: 'fa:16:3e:00:07:12' }

let cluster: TestCluster
let driver: OvnNetworkDriver
let [left, right] = [] as unknown as [TestNode, TestNode]
let [near, far] = [] as unknown as [Workload, Workload]

async function startGuest(on: TestNode, { address, v6, mac }: typeof NEAR, subnet = v4): Promise<Workload> {
  const { networkUid } = subnet
  const uid = randomUUID()
  const fixedIPs = [{ subnetUid: subnet.uid, address, hasDhcp: true }]
  const port: LogicalPort = {
    ...{ kind: 'Port', ...owner, uid, networkUid, mac, node: on.name, fixedIPs, isShared: false },
    ...{ portSecurityEnabled: true, securityGroupUids: ['open'], allowedAddressPairs: [{ ipAddress: v6 }] },
  }
  await driver.ensure(port, soon())
  const guest = new Workload(on, uid, mac)
  await guest.plugIn()
  on.agent.send({
    document: {
      ...header('port', uid, on),
      spec: {
        logicalPort: uid,
        networkUid,
        mac,
        fixedIPs: [{ address, prefixLength: 24 }],
        mtu: 1442,
        vnicType: 'normal',
      },
    } as never,
  })
  await guest.run('ip', 'link', 'set', 'lo', 'up')
  await guest.run('ip', 'address', 'add', `${address}/24`, 'dev', 'eth0')
  await guest.run('ip', 'address', 'add', `${v6}/64`, 'dev', 'eth0', 'nodad')
  await on.agent.waitState('port', uid, 'active')
  return guest
}

function header(kind: string, uid: string, on: TestNode) {
  const versions = { incarnation: 1, term: 1, epoch: 1, generation: 1 }
  return { v: 1 as const, kind, uid, node: on.name, namespace: 'ns', name: 'x', versions, tombstone: false as const }
}

beforeAll(async () => {
  cluster = await startCluster(['left', 'right'], '10.98.247')
  ;[left, right] = cluster.nodes as [TestNode, TestNode]
  const spec = { roles: { compute: 'libvirt' }, certificate: 'on disk', ovnRemote: cluster.ovnRemote } as const
  const physicalNetworks = [{ name: 'phys', interface: 'eth2' }]
  left.agent.send({ configure: spec })
  right.agent.send({ configure: { ...spec, physicalNetworks } })
  for (const { agent } of cluster.nodes) await agent.waitLine('configured')
  driver = await startNetworkDriver(cluster)
  await driver.ensure({ kind: 'Network', ...owner, uid: networkUid, mtu: 1442 }, soon())
  await driver.ensure(v4, soon())
  const provider = { physicalNetwork: 'phys' }
  await driver.ensure({ kind: 'Network', ...owner, uid: publicUid, mtu: 1442, provider }, soon())
  await driver.ensure(publicV4, soon())
  await left.run('ip', 'address', 'add', '10.9.0.1/24', 'dev', 'eth2')
  await left.run('ip', 'link', 'set', 'eth2', 'up')
  const rules = (['IPv4', 'IPv6'] as const).flatMap((etherType) => [
    { direction: 'ingress', etherType, protocol: 'any' } as const,
    { direction: 'egress', etherType, protocol: 'any' } as const,
  ])
  await driver.ensure({ kind: 'SecurityGroup', ...owner, uid: 'open', rules }, soon())
  near = await startGuest(left, NEAR)
  far = await startGuest(right, FAR)
  await until(() => near.ping(FAR.address), 'the guests reach each other', 20_000)
  await until(() => near.ping(FAR.v6), 'by IPv6, too', 20_000)
  const netns = `--net=/run/netns/guest-${far.portUid}`
  const httpd = ['nsenter', netns, 'busybox', 'httpd', '-f', '-p', '80', '-h', '/src/crds']
  const answers = `const socket = require('node:dgram').createSocket('udp4')
    socket.on('message', (_, from) => socket.send('hello', from.port, from.address)).bind(53)`
  const echo = ['nsenter', netns, '/opt/nephele/bin/node', '-e', answers]
  for (const argv of [httpd, echo]) startInNode(right.node, argv)
  const bound = async () => (await far.run('sh', '-c', `ss -uln | grep -c ':53 '; ss -tln | grep -c ':80 '; :`)).trim()
  await until(async () => (await bound()) === '1\n1', 'both listen', 10_000)
}, 180_000)
afterAll(async () => {
  await driver?.close()
  await cluster?.stop()
}, 60_000)
afterEach(async () => {
  await far.run('iptables', '-F').catch(() => undefined)
})

/** The document, which the node answers. */
function ask(spec: Partial<ProbeSpec>, uid = randomUUID()) {
  const v6 = spec.protocol === 'icmp' && spec.destination?.includes(':') === true
  left.agent.send({
    document: {
      ...header('probe', uid, left),
      spec: {
        ...{ portUid: near.portUid, sourceMac: NEAR.mac, destinationMac: FAR.mac },
        ...{ source: v6 ? NEAR.v6 : NEAR.address, destination: FAR.address, protocol: 'tcp', sourcePort: 61_001 },
        ...spec,
      },
    } as never,
  })
  return uid
}
async function heard(uid: string): Promise<ProbeAnswer | undefined> {
  const report: ObservedDocument = await left.agent.waitState('probe', uid, 'done', 10_000)
  return report.facts.probeAnswer
}
const probe = async (spec: Partial<ProbeSpec>) => heard(ask(spec))
/** Flows of ours that are in the switch. */
const ours = async () =>
  (await left.run('ovs-ofctl', 'dump-flows', 'br-int')).split('\n').filter((line) => line.includes('cookie=0x6e657068'))
const ANSWERED = { result: 'Answered', answeredBy: FAR.address }

test.each<[string, Partial<ProbeSpec>, object]>([
  ['TCP where somebody listens', { protocol: 'tcp', destinationPort: 80 }, { ...ANSWERED, detail: 'SYN, ACK' }],
  ['TCP where nobody does', { protocol: 'tcp', destinationPort: 81 }, { result: 'Refused', detail: 'a reset' }],
  ['UDP where a service answers', { protocol: 'udp', destinationPort: 53 }, { ...ANSWERED, detail: 'a datagram' }],
  [
    'UDP where nobody does',
    { protocol: 'udp', destinationPort: 54 },
    { result: 'Refused', detail: 'ICMP: port unreachable' },
  ],
  ['an echo request', { protocol: 'icmp' }, { ...ANSWERED, detail: 'an echo reply' }],
  [
    'an echo request by IPv6',
    { protocol: 'icmp', destination: FAR.v6 },
    { ...ANSWERED, answeredBy: FAR.v6, detail: 'an echo reply' },
  ],
])('%s', async (_, spec, expected) => {
  const answer = await probe(spec)
  expect(answer).toMatchObject(expected)
  expect(answer?.roundTripMicroseconds).toBeGreaterThan(0)
  expect(await ours()).toEqual([])
})

test('the guest hears nothing of a TCP probe, and the machine that is asked keeps no half-open connection', async () => {
  const filter = `src host ${FAR.address} and (tcp or icmp)`
  const listen = `tcpdump -l -n -i eth0 '${filter}' > /tmp/heard 2> /tmp/listening`
  const stop = startInNode(left.node, ['nsenter', `--net=/run/netns/guest-${near.portUid}`, 'sh', '-c', listen])
  const isListening = async () => (await left.run('sh', '-c', 'grep -c listening /tmp/listening; :')).trim() === '1'
  await until(isListening, 'it listens', 10_000)
  expect(await probe({ destinationPort: 80, sourcePort: 61_777 })).toMatchObject(ANSWERED)
  expect(await far.run('sh', '-c', 'ss -tan | grep 61777; :')).toBe('')
  expect(await probe({ protocol: 'icmp', sourcePort: 61_778 })).toMatchObject(ANSWERED)
  // Of an echo request it hears the reply, which may be one that it asked for: whatever came before that would be there, too.
  const read = () => left.run('cat', '/tmp/heard')
  await until(async () => (await read()).includes('echo reply'), 'it hears', 10_000)
  expect((await read()).trim().split('\n')).toEqual([expect.stringContaining('ICMP echo reply, id 61778')])
  stop()
}, 30_000)

test('a machine whose own firewall drops or rejects it', async () => {
  await far.run('iptables', '-A', 'INPUT', '-p', 'tcp', '--dport', '80', '-j', 'DROP')
  expect(await probe({ destinationPort: 80 })).toMatchObject({ result: 'Silent' })
  expect(await ours()).toEqual([])
}, 30_000)

test('what is sent once is not sent again after a restart of the agent; its end leaves nothing', async () => {
  const uid = ask({ destinationPort: 80 })
  const before = await heard(uid)
  expect(await left.run('ls', '/var/lib/nephele/probes')).toContain(uid)
  await left.agent.stop('SIGKILL')
  await left.startAgent()
  expect(await heard(uid)).toEqual(before)
  left.agent.send({ document: { ...header('probe', uid, left), tombstone: true } as never })
  await left.agent.waitState('probe', uid, 'gone')
  expect(await left.run('ls', '/var/lib/nephele/probes')).not.toContain(uid)
}, 30_000)

test('a Port that the node does not have', async () => {
  const uid = ask({ destinationPort: 80, portUid: randomUUID() })
  const { error } = await left.agent.waitState('probe', uid, 'failed')
  expect(error?.reason).toBe('PortNotPlugged')
})

test('from outside, as from a host there, which hears nothing of it', async () => {
  const server = await startGuest(right, SERVER, publicV4)
  const outside = () => left.run('ping', '-c', '1', '-W', '1', SERVER.address)
  await until(() => outside().then(Boolean, () => false), 'the host outside reaches the guest', 20_000)
  const listen = `tcpdump -l -n -i eth2 'src host ${SERVER.address} and (tcp or icmp)' > /tmp/outside 2> /tmp/listening-outside`
  const stop = startInNode(left.node, ['sh', '-c', listen])
  const lines = async (file: string) => (await left.run('cat', file)).trim()
  await until(async () => (await lines('/tmp/listening-outside')).includes('listening'), 'it listens', 10_000)
  const spec = {
    ...{ sourceMac: '02:00:00:00:00:01', destinationMac: SERVER.mac, source: '10.9.0.1', destination: SERVER.address },
    ...{ sourcePort: 61_900, outside: { networkUid: publicUid } },
  }
  for (const [protocol, expected] of [
    ['tcp', { result: 'Refused', detail: 'a reset' }],
    ['icmp', { result: 'Answered', detail: 'an echo reply' }],
  ] as const) {
    const uid = randomUUID()
    const destinationPort = protocol === 'tcp' ? { destinationPort: 81 } : {}
    const document = { ...header('probe', uid, right), spec: { ...spec, protocol, ...destinationPort } }
    right.agent.send({ document: document as never })
    const { facts } = await right.agent.waitState('probe', uid, 'done', 10_000)
    expect(facts.probeAnswer).toMatchObject({ ...expected, answeredBy: SERVER.address })
  }
  // Its own is heard, and nothing was before.
  await outside()
  await until(async () => (await lines('/tmp/outside')).includes('echo reply'), 'it hears', 10_000)
  expect((await lines('/tmp/outside')).split('\n')).toHaveLength(1)
  expect(await lines('/tmp/outside')).not.toContain('61900')
  stop()
  await server.unplug()
}, 60_000)
