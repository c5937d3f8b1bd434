// SPDX-License-Identifier: Apache-2.0
// Two nodes of a gateway live and lose each other alone, while a third one hears both: OVN has both claim it, in turns. To the operator it stays with the one that
// comes first.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { OvsdbClient } from '../../lib/ovsdb/client.ts'
import { readUuids } from '../../lib/ovsdb/values.ts'
import { until } from '../../lib/time/until.ts'
import type { OvnNetworkDriver } from '../../operator/network/ovn/ovn-network-driver.ts'
import { startCluster, type TestCluster, type TestNode } from './testing/cluster.ts'
import { startNetworkDriver } from './testing/network-driver.ts'

const owner = { namespace: 'ns', name: 'x', generation: 1 }
const [networkUid, uid] = [randomUUID(), randomUUID()]
const soon = (ms = 20_000): AbortSignal => AbortSignal.timeout(ms)
const NODES = ['left', 'right', 'third']
/** Of the second one's tunnels. */
const WAYS = ['ip,nw_dst=10.99.0.2', 'ip,nw_src=10.99.0.2']

let cluster: TestCluster
let driver: OvnNetworkDriver
let southbound: OvsdbClient
let left: TestNode
beforeAll(async () => {
  cluster = await startCluster(NODES, '10.98.241')
  left = cluster.nodes[0] as TestNode
  for (const { agent } of cluster.nodes)
    agent.send({ configure: { roles: { gateway: true }, certificate: 'on disk', ovnRemote: cluster.ovnRemote } })
  for (const { agent } of cluster.nodes) await agent.waitLine('configured')
  driver = await startNetworkDriver(cluster)
  southbound = new OvsdbClient({
    database: 'OVN_Southbound',
    tables: { Port_Binding: { columns: ['logical_port', 'chassis'] } },
    remotes: [{ transport: 'unix', path: cluster.southboundSocket }],
  })
  southbound.start(new AbortController().signal)
  await driver.ensure({ kind: 'Network', ...owner, uid: networkUid, mtu: 1442 }, soon())
  await driver.ensure(
    {
      ...{ kind: 'Router', ...owner, uid, interfaces: [], ports: [], routes: [] },
      gateway: {
        ...{ networkUid, mac: '2e:00:00:00:00:09', mtu: 1442, nodes: NODES, nextHops: ['203.0.113.1'] },
        addresses: [{ address: '203.0.113.9', prefixLength: 24 }],
      },
    },
    soon(),
  )
}, 180_000)
afterAll(async () => {
  await southbound?.close()
  await driver?.close()
  await cluster?.stop()
}, 60_000)

/**
 * How often the claim changes, what the operator says meanwhile, and how often it is told of a move.
 * It looks for that long, and on until there were `least` changes (a minute at most): how fast the two take it from each other is the machine's doing.
 */
async function watch(ms: number, least = 0): Promise<{ changes: number; carriers: string[]; moves: number }> {
  const start = performance.now()
  let [changes, moves] = [0, 0]
  const carriers: string[] = []
  const stop = driver.onGatewayMoves(() => {
    moves++
  })
  const claim = () =>
    [...southbound.rows('Port_Binding').values()]
      .filter((row) => row['logical_port'] === `cr-router-${uid}-gateway`)
      .flatMap((row) => readUuids(row['chassis']))
      .join()
  let last = claim()
  const goesOn = (passed: number) => passed < ms || (changes < least && passed < 60_000)
  while (goesOn(performance.now() - start)) {
    await sleep(20)
    const now = claim()
    if (now !== last) changes++
    last = now
    const carrier = driver.gatewayNodeOf(uid) ?? 'nobody'
    if (carriers.at(-1) !== carrier) carriers.push(carrier)
  }
  stop()
  return { changes, carriers, moves }
}

test('it stays with the first one while they are apart, and afterwards', async () => {
  await until(() => driver.gatewayNodeOf(uid) === 'left', 'claimed by the first', 30_000)
  // BFD has found all others.
  await sleep(3000)
  expect(await watch(2000)).toEqual({ changes: 0, carriers: ['left'], moves: 0 })
  for (const way of WAYS) await left.run('ovs-ofctl', 'add-flow', 'br-phys', `priority=1000,${way},actions=drop`)
  // BFD, and a few claims that might be a fail-over.
  await watch(4000)
  const apart = await watch(8000, 5)
  expect(apart.changes).toBeGreaterThanOrEqual(5)
  expect(apart).toMatchObject({ carriers: ['left'], moves: 0 })
  for (const way of WAYS) await left.run('ovs-ofctl', 'del-flows', 'br-phys', way)
  await sleep(8000)
  expect(await watch(2000)).toEqual({ changes: 0, carriers: ['left'], moves: 0 })
}, 150_000)

test('those who asked while the database was away are told once it is back', async () => {
  const moves: string[][] = []
  const stop = driver.onGatewayMoves((uids) => void moves.push([...uids]))
  await left.run('ovs-appctl', '-t', '/run/ovn/ovnsb_db.ctl', 'ovsdb-server/reconnect')
  await until(() => moves.length > 0, 'to be told', 20_000)
  expect([moves, driver.gatewayNodeOf(uid)]).toEqual([[[uid]], 'left'])
  stop()
}, 30_000)
