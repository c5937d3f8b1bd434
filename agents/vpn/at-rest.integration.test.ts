// SPDX-License-Identifier: Apache-2.0
// A VPN on a node with OVN, a real charon and the agent's network part: while nothing changes no process is started for it, and what does is mended.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { VpnDocument } from '../../lib/contract/documents.ts'
import { servicePortMac, servicePortName } from '../../lib/contract/service-port.ts'
import { transitPortMac, transitPortName } from '../../lib/contract/vpn.ts'
import { until } from '../../lib/time/until.ts'
import { OvnNetworkDriver } from '../../operator/network/ovn/ovn-network-driver.ts'
import { startCluster, type TestCluster, type TestNode } from '../network/testing/cluster.ts'

const [uid, networkUid] = [randomUUID(), randomUUID()]
const owner = { namespace: 'ns', name: 'x', generation: 1 }
const soon = () => AbortSignal.timeout(20_000)
const [ADDRESS, NODE] = ['203.0.113.9', 'gate']
/** Longer than from one look to the next. */
const LOOK_MS = 33_000
const document: VpnDocument = {
  ...{ v: 1, kind: 'vpn', uid, node: NODE, namespace: 'ns', name: 'vpn', tombstone: false },
  versions: { incarnation: 1, term: 1, epoch: 1, generation: 1 },
  spec: {
    outside: {
      ...{ logicalPort: servicePortName(uid, NODE), networkUid, mac: servicePortMac(uid, NODE), mtu: 1442 },
      ...{ addresses: [{ address: ADDRESS, prefixLength: 24 }], gateways: ['203.0.113.1'] },
    },
    transit: { logicalPort: transitPortName(uid, NODE), mac: transitPortMac(uid, NODE), mtu: 1442 },
    connections: [],
  },
}

let cluster: TestCluster
let driver: OvnNetworkDriver
let node: TestNode
const inside = (...argv: string[]) => node.run('ip', '-n', `nephvpn-${uid}`, ...argv)

beforeAll(async () => {
  cluster = await startCluster([NODE], '10.98.240')
  node = cluster.nodes[0] as TestNode
  node.agent.send({ configure: { roles: { gateway: true }, certificate: 'on disk', ovnRemote: cluster.ovnRemote } })
  await node.agent.waitLine('configured')
  driver = new OvnNetworkDriver({ remotes: [{ transport: 'unix', path: cluster.northboundSocket }] })
  driver.start(new AbortController().signal)
  await driver.claimTerm(1, 1, soon())
  await driver.ensure({ kind: 'Network', ...owner, uid: networkUid, mtu: 1442 }, soon())
  const ports = [{ node: NODE, addresses: [ADDRESS], alsoSpeaksFor: [] }]
  await driver.ensure({ kind: 'ServicePort', ...owner, uid, networkUid, ports }, soon())
}, 120_000)
afterAll(async () => {
  await driver?.close()
  await cluster?.stop()
}, 60_000)

/** Of processes that the agent started and saw end: proc(5), cminflt. */
async function faultsOfChildren(): Promise<string> {
  const [pid = ''] = (await node.run('pgrep', '-f', 'testing/harness.ts')).split('\n')
  const faults = (await node.run('cat', `/proc/${pid}/stat`)).split(') ')[1]?.split(' ')[8]
  if (faults === undefined || !/^[1-9]\d*$/.test(faults)) throw new Error(`no children: ${faults}`)
  return faults
}

test('at rest it costs no process; an address that goes is back with the next look', async () => {
  node.agent.send({ document })
  const isThere = () => inside('-4', 'address', 'show', 'dev', 'svc0').then((text) => text.includes(`${ADDRESS}/24`))
  await until(() => isThere().catch(() => false), 'its address', 30_000, 200)
  await until(() => node.agent.observed('vpn', uid), 'its report', 30_000, 200)
  // A second look finds that the first one changed nothing.
  await sleep(2 * LOOK_MS)
  const before = await faultsOfChildren()
  await sleep(LOOK_MS)
  expect(await faultsOfChildren()).toBe(before)

  await inside('address', 'delete', `${ADDRESS}/24`, 'dev', 'svc0')
  await until(isThere, 'its address again', LOOK_MS, 200)
  expect(await inside('route', 'show', 'default')).toContain('via 203.0.113.1')
}, 240_000)
