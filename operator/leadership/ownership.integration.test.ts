// SPDX-License-Identifier: Apache-2.0
// Everything in etcd is lost and applied again, while the machines of before run on: nothing runs twice, and the administrator has a way
// out. On a real etcd, kube-apiserver and NATS with fake agents.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import * as kinds from '../../lib/api/kinds.ts'
import type { Cloud, ComputeNode, Instance, Port } from '../../lib/api/types.ts'
import { findCondition, isConditionTrue } from '../../lib/conditions.ts'
import {
  applyProject,
  at,
  createMachine,
  ensureNodes,
  isReady,
  untilFurnished,
  untilReady,
} from '../testing/furnish.ts'
import { TestCloud } from '../testing/test-cloud.ts'

const MAC = 'fa:16:3e:00:00:01'
const CLOUD = { name: kinds.CLOUD_NAME }

let cloud: TestCloud

beforeAll(async () => {
  cloud = await TestCloud.start()
}, 60_000)
afterAll(() => cloud.stop(), 60_000)

/** Manifests of a machine with a Port of its own: the MAC is fixed, all else is not. */
async function applyMachine(): Promise<void> {
  await cloud.create(kinds.PORT, { metadata: at('fixed'), spec: { networkRef: { name: 'lan' }, macAddress: MAC } })
  await createMachine(cloud, 'vm', { networks: [{ portRef: { name: 'fixed' } }] })
}

const running = () => [...cloud.nodes.values()].flatMap((node) => [...node.instances.keys()])

test('a machine that was applied anew waits for the one of before', async () => {
  await cloud.saveStore('empty')
  const first = await cloud.startOperator()
  await ensureNodes(cloud)
  await applyProject(cloud)
  await untilFurnished(cloud)
  await applyMachine()
  const old = await untilReady(cloud, 'vm')
  const oldPort = await cloud.client.get<Port>(kinds.PORT, at('fixed'))
  const node = old.status!.node!
  await first.stop()

  await cloud.restoreStore('empty')
  await ensureNodes(cloud)
  await applyProject(cloud)
  await applyMachine()
  await cloud.startOperator()
  await cloud.until<Cloud>(
    kinds.CLOUD,
    CLOUD,
    (c) => isConditionTrue(c?.status?.conditions, 'ControlPlaneRegressed'),
    40_000,
  )
  await cloud.client.mergePatch(kinds.CLOUD, CLOUD, { spec: { incarnation: 2 } })

  const held = (await cloud.until<Instance>(
    kinds.INSTANCE,
    at('vm'),
    (i) => findCondition(i?.status?.conditions, 'Scheduled')?.reason === 'OwnershipUnclear',
    40_000,
  ))!
  expect(held.metadata.uid).not.toBe(old.metadata.uid)
  expect(findCondition(held.status?.conditions, 'Ready')?.message).toContain(
    `node ${node} has machine team/vm (${old.metadata.uid}) with the MAC ${MAC} of this machine's Port team/fixed`,
  )
  expect(running()).toEqual([old.metadata.uid])
  const shown = await cloud.until<ComputeNode>(
    kinds.COMPUTE_NODE,
    { name: node },
    (n) => n?.status?.orphans?.some(({ uid }) => uid === old.metadata.uid) === true,
  )
  const orphans = shown!.status!.orphans!.filter(({ kind }) => kind === 'instance' || kind === 'port')
  expect(orphans.map(({ uid }) => uid).sort()).toEqual([old.metadata.uid, oldPort.metadata.uid].sort())

  // As docs/backup.md tells an administrator.
  const releases = orphans.map(({ kind, uid }) => ({ kind, uid, name: 'vm', namespace: 'team', epoch: 1 }))
  await cloud.kubectl([
    ...['patch', 'computenodes.nephele.dev', node, '--subresource', 'status', '--type', 'merge'],
    ...['-p', JSON.stringify({ status: { releases } })],
  ])
  const anew = await untilReady(cloud, 'vm')
  expect(anew.status?.addresses).toEqual([expect.objectContaining({ macAddress: MAC })])
  expect(running()).toEqual([anew.metadata.uid])
  await cloud.until<ComputeNode>(
    kinds.COMPUTE_NODE,
    { name: node },
    (n) => isReady(n) && n?.status?.orphans === undefined && n?.status?.releases === undefined,
  )
}, 180_000)
