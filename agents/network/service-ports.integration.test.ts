// SPDX-License-Identifier: Apache-2.0
// Two nodes with OVN: a service has a port on each, in one network of a tenant.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { randomUUID } from 'node:crypto'
import { servicePortMac, servicePortName, type ServicePort } from '../../lib/contract/service-port.ts'
import { until } from '../../lib/time/until.ts'
import type { LogicalServicePorts, LogicalWant } from '../../operator/network/logical-kinds.ts'
import { OvnNetworkDriver } from '../../operator/network/ovn/ovn-network-driver.ts'
import { ensureAll } from '../../operator/network/ovn/testing/drift.ts'
import { serviceNamespace, type EnsuredServicePort } from './service-ports.ts'
import { startCluster, type TestCluster, type TestNode } from './testing/cluster.ts'

const [uid, networkUid] = [randomUUID(), randomUUID()]
const owner = { namespace: 'ns', name: 'x', generation: 1 }
const NODES = [
  { node: 'left', address: '10.7.0.11' },
  { node: 'right', address: '10.7.0.12' },
]
const SHARED = '10.7.0.13'
const rows: LogicalServicePorts = {
  ...{ kind: 'ServicePort', ...owner, uid, networkUid },
  ports: NODES.map(({ node, address }) => ({ node, addresses: [address], alsoSpeaksFor: [SHARED] })),
}
const WORLD: readonly LogicalWant[] = [{ kind: 'Network', ...owner, uid: networkUid, mtu: 1442 }, rows]
const soon = () => AbortSignal.timeout(20_000)
const portOf = ({ node, address }: (typeof NODES)[number]): ServicePort => ({
  ...{ logicalPort: servicePortName(uid, node), networkUid, mac: servicePortMac(uid, node), mtu: 1442 },
  ...{ addresses: [{ address, prefixLength: 24 }], gateways: ['10.7.0.1'] },
})

let cluster: TestCluster
let driver: OvnNetworkDriver
const program = async (at: TestNode, ...args: string[]): Promise<unknown> =>
  JSON.parse(
    await at.run('/opt/nephele/bin/node', '/src/agents/network/testing/service-program.ts', at.name, ...args),
  ) as unknown
const ensure = (at: number) =>
  program(cluster.nodes[at]!, 'ensure', uid, JSON.stringify(portOf(NODES[at]!))) as Promise<EnsuredServicePort>
const inside = (at: number, ...argv: string[]) =>
  cluster.nodes[at]!.run('ip', 'netns', 'exec', serviceNamespace(uid), ...argv)
const pings = (at: number, to: string) =>
  inside(at, 'ping', '-c', '1', '-W', '1', to).then(
    () => true,
    () => false,
  )
/** The other node hears of a port a moment after the port's own. */
const untilPings = (at: number, to: string) => until(() => pings(at, to), `ping of ${to}`, 10_000, 100)

beforeAll(async () => {
  cluster = await startCluster(['left', 'right'], '10.98.245')
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

test('each node has a namespace that is a port of the network; what is there stays, what is lost comes back, and all of it goes', async () => {
  for (const at of [0, 1]) expect(await ensure(at)).toMatchObject({ installed: true })
  await untilPings(0, NODES[1]!.address)
  await untilPings(1, NODES[0]!.address)

  // What moves between them is at whoever has it, and nobody may speak for anything else.
  await inside(1, 'ip', 'address', 'add', `${SHARED}/32`, 'dev', 'svc0')
  await inside(1, 'ip', 'address', 'add', '10.7.0.99/32', 'dev', 'svc0')
  await untilPings(0, SHARED)
  expect(await pings(0, '10.7.0.99')).toBe(false)

  // What it had before goes.
  await inside(1, 'ip', 'address', 'delete', `${NODES[1]!.address}/24`, 'dev', 'svc0')
  await inside(1, 'ip', 'address', 'add', `${SHARED}/24`, 'dev', 'svc0')
  await inside(1, 'ip', 'route', 'add', 'default', 'via', '10.7.0.77', 'dev', 'svc0', 'metric', '7')
  await ensure(1)
  expect(await inside(1, 'ip', '-o', '-4', 'address', 'show', 'dev', 'svc0')).not.toMatch(/\/32|10\.7\.0\.99/)
  expect(await inside(1, 'ip', 'route', 'show', 'default')).toMatch(/^default via 10\.7\.0\.1 dev svc0 *\n?$/)
  expect(await pings(0, SHARED)).toBe(false)
  await untilPings(0, NODES[1]!.address)

  const index = await inside(0, 'ip', '-o', 'link', 'show', 'svc0')
  await ensure(0)
  expect(await inside(0, 'ip', '-o', 'link', 'show', 'svc0')).toBe(index)

  await cluster.nodes[0]!.run('ip', 'link', 'delete', `svc${uid.slice(0, 11)}`)
  expect(await ensure(0)).toMatchObject({ installed: true })
  await untilPings(0, NODES[1]!.address)

  for (let n = 0; n < 2; n++) await program(cluster.nodes[0]!, 'remove', uid)
  expect(await program(cluster.nodes[0]!, 'list')).toEqual([])
  expect(await program(cluster.nodes[1]!, 'list')).toEqual([uid])
  expect(await cluster.nodes[0]!.run('ip', 'netns')).not.toContain(uid)

  // Without the row nobody claims the port.
  await driver.ensure({ ...rows, ports: rows.ports.slice(1) }, soon())
  expect(await ensure(0)).toMatchObject({ installed: false })
  await driver.remove('ServicePort', uid, soon())
  expect(await driver.listOwned(soon())).toMatchObject([{ kind: 'Network' }])
}, 60_000)
