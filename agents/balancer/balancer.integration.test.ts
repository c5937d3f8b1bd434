// SPDX-License-Identifier: Apache-2.0
// Two gateway nodes with OVN, HAProxy and keepalived: one of them serves, and the other one as soon as that is gone.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { randomUUID } from 'node:crypto'
import type { BalancerDocument } from '../../lib/contract/documents.ts'
import { servicePortMac, servicePortName, type ServicePort } from '../../lib/contract/service-port.ts'
import { until } from '../../lib/time/until.ts'
import type { LogicalServicePorts, LogicalWant } from '../../operator/network/logical-kinds.ts'
import { OvnNetworkDriver } from '../../operator/network/ovn/ovn-network-driver.ts'
import { ensureAll } from '../../operator/network/ovn/testing/drift.ts'
import { serviceNamespace } from '../network/service-ports.ts'
import { startDaemon, stopDaemon } from '../../local/node/daemons.ts'
import { startCluster, startInNode, type TestCluster } from '../network/testing/cluster.ts'

const [uid, clientUid, networkUid] = [randomUUID(), randomUUID(), randomUUID()]
const owner = { namespace: 'ns', name: 'x', generation: 1 }
const NODES = [
  { node: 'left', address: '10.7.0.11' },
  { node: 'right', address: '10.7.0.12' },
] as const
const SHARED = '10.7.0.13'
const rows: LogicalServicePorts = {
  ...{ kind: 'ServicePort', ...owner, uid, networkUid },
  ports: NODES.map(({ node, address }) => ({ node, addresses: [address], alsoSpeaksFor: [SHARED] })),
}
/** Who asks, on a node of its own. */
const client: LogicalServicePorts = {
  ...{ ...rows, uid: clientUid },
  ports: [{ node: 'third', addresses: ['10.7.0.20'], alsoSpeaksFor: [] }],
}
const WORLD: readonly LogicalWant[] = [{ kind: 'Network', ...owner, uid: networkUid, mtu: 1442 }, rows, client]
const soon = () => AbortSignal.timeout(20_000)
const documentOf = (at: 0 | 1): BalancerDocument => {
  const { node, address } = NODES[at]
  return {
    ...{ v: 1, kind: 'balancer', uid, node, namespace: 'ns', name: 'web', tombstone: false },
    versions: { incarnation: 1, term: 1, epoch: 1, generation: 1 },
    spec: {
      port: {
        ...{ logicalPort: servicePortName(uid, node), networkUid, mac: servicePortMac(uid, node), mtu: 1442 },
        ...{ addresses: [{ address, prefixLength: 24 }], gateways: ['10.7.0.1'] },
      },
      sharedAddress: SHARED,
      standby: { peer: NODES[1 - at]!.address, isPreferred: at === 0 },
      listeners: [
        {
          ...{ name: 'web', port: 80, pool: 'web', rules: [], maxConnections: 100 },
          timeouts: { client: 50, connect: 5, server: 50 },
        },
        {
          ...{ name: 'told', port: 81, pool: 'told', rules: [], maxConnections: 100 },
          timeouts: { client: 50, connect: 5, server: 50 },
        },
      ],
      pools: [
        { name: 'web', members: [] },
        { name: 'told', members: [{ address: '10.7.0.20', port: 8080 }], proxyProtocol: 'v1' },
      ],
    },
  }
}

let cluster: TestCluster
let driver: OvnNetworkDriver
const inside = (at: number, ...argv: string[]) =>
  cluster.nodes[at]!.run('ip', 'netns', 'exec', serviceNamespace(uid), ...argv)
/** Which nodes have the address: as many as say so. */
const serving = () => [0, 1].filter((at) => cluster.nodes[at]!.agent.observed('balancer', uid)?.facts.serving === true)

beforeAll(async () => {
  cluster = await startCluster(['left', 'right', 'third'], '10.98.244')
  for (const { agent } of cluster.nodes)
    agent.send({ configure: { roles: { gateway: true }, certificate: 'on disk', ovnRemote: cluster.ovnRemote } })
  for (const { agent } of cluster.nodes) await agent.waitLine('configured')
  driver = new OvnNetworkDriver({ remotes: [{ transport: 'unix', path: cluster.northboundSocket }] })
  driver.start(new AbortController().signal)
  await driver.claimTerm(1, 1, soon())
  await ensureAll(driver, WORLD, soon)
}, 120_000)
afterAll(async () => {
  await driver?.close()
  await cluster?.stop()
}, 60_000)

const pidOf = (at: number) => cluster.nodes[at]!.run('sh', '-c', `cat /run/nephele/balancers/${uid}/haproxy.pid`)
/** Of the address, asked from a node: 503, since nobody is a member. */
const statusFrom = (at: number) =>
  inside(at, 'curl', '-s', '-o', '/dev/null', '-m', '1', '-w', '%{http_code}', `http://${SHARED}/`).catch(() => '-')
/** Of an address that is asked for eight seconds, in seconds. */
async function longestGap(during: () => Promise<unknown>): Promise<{ gap: number; answers: number }> {
  const ask = `curl -s -o /dev/null -m 0.3 http://${SHARED}/ && date +%s.%N; sleep 0.05`
  const script = `end=$(($(date +%s) + 8)); while [ $(date +%s) -lt $end ]; do ${ask}; done; date +%s.%N`
  const asking = cluster.nodes[2]!.run('ip', 'netns', 'exec', serviceNamespace(clientUid), 'sh', '-c', script)
  await new Promise((resolve) => setTimeout(resolve, 2000))
  await during()
  const at = (await asking).trim().split('\n').map(Number)
  return { gap: Math.max(...at.slice(1).map((time, i) => time - (at[i] ?? time))), answers: at.length - 1 }
}
/** The node that has the address, once only one does. */
async function holder(): Promise<number> {
  const holds = async (at: number) => (await inside(at, 'ip', '-brief', 'address')).includes(`${SHARED}/`)
  return until(
    async () => {
      const [left, right] = [await holds(0), await holds(1)]
      return left === right ? undefined : { at: left ? 0 : 1 }
    },
    'one holder',
    15_000,
    50,
  ).then(({ at }) => at)
}
/** VRRP version 3, RFC 9568, 5.2: priority 255, and no sign of life for 41 seconds. */
function claim(from: string, to: string): Buffer {
  const octets = (address: string) => address.split('.').map(Number)
  const [head, shared] = [[0x31, 1, 255, 1, 0x0f, 0xff], octets(SHARED)]
  const summed = Buffer.from([...octets(from), ...octets(to), 0, 112, 0, 12, ...head, 0, 0, ...shared])
  let sum = 0
  for (let i = 0; i < summed.length; i += 2) sum += summed.readUInt16BE(i)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16)
  return Buffer.from([...head, (~sum >> 8) & 0xff, ~sum & 0xff, ...shared])
}
/** By the machine on the third node. */
async function sendClaim(to: string): Promise<void> {
  const octal = [...claim('10.7.0.20', to)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')
  const script = `printf '${octal}' | socat -u - IP4-SENDTO:${to}:112,ttl=255`
  await cluster.nodes[2]!.run('ip', 'netns', 'exec', serviceNamespace(clientUid), 'sh', '-c', script)
}
const untilOne = () => until(() => serving().length === 1, serving, 15_000, 50)

test('one of two serves; HAProxy is started again, outlives the agent, and gives way in order, of which nothing is left', async () => {
  for (const at of [0, 1] as const) cluster.nodes[at]!.agent.send({ document: documentOf(at) })
  const port: ServicePort = {
    ...{ logicalPort: servicePortName(clientUid, 'third'), networkUid, mac: servicePortMac(clientUid, 'third') },
    ...{ mtu: 1442, addresses: [{ address: '10.7.0.20', prefixLength: 24 }], gateways: [] },
  }
  const program = '/src/agents/network/testing/service-program.ts'
  await cluster.nodes[2]!.run('/opt/nephele/bin/node', program, 'third', 'ensure', clientUid, JSON.stringify(port))
  for (const at of [0, 1]) await cluster.nodes[at]!.agent.waitState('balancer', uid, 'active', 20_000)
  await untilOne()
  const [at = 0] = serving()
  const other = 1 - at
  for (const from of [at, other]) await until(async () => (await statusFrom(from)) === '503', 'an answer', 10_000, 100)

  const echo = '#!/bin/sh\nread -r told\nprintf "HTTP/1.0 200 OK\\r\\n\\r\\n%s" "$told"\n'
  await cluster.nodes[2]!.run('sh', '-c', 'printf "%s" "$1" > /tmp/echo; chmod 755 /tmp/echo', 'sh', echo)
  const argv = [
    'ip',
    'netns',
    'exec',
    serviceNamespace(clientUid),
    'socat',
    'TCP-LISTEN:8080,fork,reuseaddr',
    'EXEC:/tmp/echo',
  ]
  const endMember = startInNode(cluster.nodes[2]!.node, argv)
  const told = () => inside(other, 'curl', '-s', '-m', '1', `http://${SHARED}:81/`).catch(() => '')
  const asker = NODES[other]!.address
  await until(
    async () => (await told()).startsWith(`PROXY TCP4 ${asker} ${SHARED} `),
    'the member to be told',
    5000,
    200,
  )
  endMember()

  for (const { address } of NODES) await sendClaim(address)
  await new Promise((resolve) => setTimeout(resolve, 2500))
  expect(serving()).toEqual([at])
  expect(await statusFrom(other)).toBe('503')

  const killed = await pidOf(at)
  await cluster.nodes[at]!.run('kill', '-KILL', killed.trim())
  await until(async () => (await pidOf(at).catch(() => killed)) !== killed, 'another process', 10_000, 100)
  await until(async () => (await statusFrom(other)) === '503', 'an answer', 10_000, 100)

  const pid = await pidOf(at)
  await cluster.nodes[at]!.agent.stop('SIGKILL')
  expect(await statusFrom(other)).toBe('503')
  const agent = await cluster.nodes[at]!.startAgent()
  agent.send({ configure: { roles: { gateway: true }, certificate: 'on disk', ovnRemote: cluster.ovnRemote } })
  await agent.waitState('balancer', uid, 'active', 20_000)
  expect(await pidOf(at)).toBe(pid)

  await untilOne()
  const deserted = await holder()
  await cluster.nodes[deserted]!.agent.stop('SIGKILL')
  await cluster.nodes[deserted]!.run('kill', '-KILL', (await pidOf(deserted)).trim())
  await until(async () => (await holder()) !== deserted, 'the other to take over without the agent', 8000, 100)
  const successor = await cluster.nodes[deserted]!.startAgent()
  successor.send({ configure: { roles: { gateway: true }, certificate: 'on disk', ovnRemote: cluster.ovnRemote } })
  await successor.waitState('balancer', uid, 'active', 20_000)

  const dying = await holder()
  const { gap, answers } = await longestGap(() => stopDaemon(cluster.nodes[dying]!.node, 'ovs-vswitchd', 'SIGKILL'))
  console.log(`longest time without an answer: ${gap.toFixed(2)} s of ${answers} answers`)
  expect(gap).toBeGreaterThan(0.5)
  expect(gap).toBeLessThan(2)
  await startDaemon(cluster.nodes[dying]!.node, 'ovs-vswitchd')

  const leaving = await holder()
  const staying = 1 - leaving
  const { v, kind, node, namespace, name, versions } = documentOf(leaving as 0 | 1)
  const going = cluster.nodes[leaving]!
  going.agent.send({ document: { ...{ v, kind, uid, node, namespace, name, versions }, tombstone: true } })
  await going.agent.waitState('balancer', uid, 'gone', 20_000)
  await until(async () => (await statusFrom(staying)) === '503', 'the other to answer', 3000, 50)
  const left = await going.run('sh', '-c', 'ls /run/nephele/balancers; ip netns; pgrep -l "haproxy|keepalived" || true')
  expect(left.trim()).toBe('')

  const stays = documentOf(staying as 0 | 1)
  const { port: ownPort, sharedAddress, listeners, pools } = stays.spec
  const document = {
    ...stays,
    versions: { ...versions, generation: 2 },
    spec: { port: ownPort, sharedAddress, listeners, pools },
  }
  cluster.nodes[staying]!.agent.send({ document })
  const names = () => cluster.nodes[staying]!.run('sh', '-c', 'pgrep -l keepalived || true')
  await until(async () => (await names()).trim() === '', 'keepalived to end', 10_000, 100)
  await until(
    async () => (await inside(staying, 'ip', '-brief', 'address')).includes(`${SHARED}/32`),
    'it',
    10_000,
    100,
  )
  const asked = ['ip', 'netns', 'exec', serviceNamespace(clientUid), 'curl', '-s', '-o', '/dev/null', '-m', '2']
  expect(await cluster.nodes[2]!.run(...asked, '-w', '%{http_code}', `http://${SHARED}/`)).toBe('503')
}, 120_000)
