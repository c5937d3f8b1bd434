// SPDX-License-Identifier: Apache-2.0
// The gateway of a router moves between two nodes with real OVN: a host outside hears of it before ovn-controller announces it.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { randomUUID } from 'node:crypto'
import { until } from '../../lib/time/until.ts'
import type { LogicalRouter } from '../../operator/network/logical-kinds.ts'
import type { OvnNetworkDriver } from '../../operator/network/ovn/ovn-network-driver.ts'
import { startCluster, type TestCluster, type TestNode } from './testing/cluster.ts'
import { startNetworkDriver } from './testing/network-driver.ts'

const owner = { namespace: 'ns', name: 'x', generation: 1 }
const [outside, routerUid] = [randomUUID(), randomUUID()]
const MAC = 'fa:16:3e:00:00:99'
const soon = (ms = 20_000): AbortSignal => AbortSignal.timeout(ms)
const routerOn = (...nodes: string[]): LogicalRouter => ({
  ...{ kind: 'Router', ...owner, uid: routerUid, interfaces: [], ports: [], routes: [] },
  gateway: {
    ...{ networkUid: outside, mac: MAC, mtu: 1500, nodes, nextHops: ['10.7.0.1'], snatAddress: '10.7.0.9' },
    addresses: [{ address: '10.7.0.9', prefixLength: 24 }],
  },
})

let cluster: TestCluster
let driver: OvnNetworkDriver
let [left, right, host] = [] as unknown as [TestNode, TestNode, TestNode]
beforeAll(async () => {
  cluster = await startCluster(['left', 'right', 'host'], '10.98.243')
  ;[left, right, host] = cluster.nodes as [TestNode, TestNode, TestNode]
  const physicalNetworks = [{ name: 'phys', interface: 'eth2' }]
  const spec = { roles: { gateway: true }, certificate: 'on disk', ovnRemote: cluster.ovnRemote, physicalNetworks }
  for (const { agent } of [left, right]) agent.send({ configure: spec })
  for (const { agent } of [left, right]) await agent.waitLine('configured')
  driver = await startNetworkDriver(cluster)
  const provider = { physicalNetwork: 'phys' }
  await driver.ensure({ kind: 'Network', ...owner, uid: outside, mtu: 1500, provider }, soon())
  await host.run('ip', 'link', 'set', 'eth2', 'up')
}, 180_000)
afterAll(async () => {
  await driver?.close()
  await cluster?.stop()
}, 60_000)

/** Kinds of the gateway's frames in the order in which the host hears them, from before a move until OVN's own. */
async function heardOf(move: () => Promise<void>): Promise<string[]> {
  const listen = `tcpdump -l -n -e -i eth2 ether src ${MAC} 2> /tmp/listening | sed -u '/ethertype ARP/q'`
  const heard = host.run('timeout', '25', 'sh', '-c', listen)
  const isListening = async () => (await host.run('sh', '-c', 'grep -c listening /tmp/listening; :')).trim() === '1'
  await until(isListening, 'it listens', 10_000)
  await move()
  return [...(await heard).matchAll(/ethertype (.+?) \(/g)].map(([, type]) => type ?? '')
}

test.each([
  ['claimed', 'left'],
  ['moved', 'right'],
])(
  'a gateway that is %s is announced before OVN does',
  async (_, node) => {
    const heard = await heardOf(() => driver.ensure(routerOn(node), soon()))
    expect(heard[0]).toBe('Reverse ARP')
    expect(heard.at(-1)).toBe('ARP')
  },
  60_000,
)
