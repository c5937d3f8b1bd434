// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { COMPUTE_NODE, INSTANCE, PORT } from '../../lib/api/kinds.ts'
import type { ComputeNode, Instance, Port } from '../../lib/api/types.ts'
import { isRunning } from '../../local/host/process.ts'
import { hurryHeartbeats } from '../harness/heartbeat.ts'
import { leftovers } from '../harness/leftovers.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForGone, waitForObject, waitForReady, waitUntilTrue } from '../harness/wait.ts'

let project: Project
const killed = new Set<string>()
let relax: (() => Promise<void>) | undefined
beforeAll(async () => {
  project = await Project.create('lost', { net: '10.75.0.0/24' })
  relax = await hurryHeartbeats(project.test)
}, 120_000)
afterAll(async () => {
  for (const node of killed) await bringBack(node)
  await relax?.()
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 180_000)

test('a dead node never makes a deletion hang without a way out, and returns to nothing double', async () => {
  const { client, cloud } = project.test
  const networks = [{ networkRef: { name: 'net' } }]
  await project.createInstance('moves', { networks, evacuation: 'WhenFenced' })
  const before = await project.waitActive('moves')
  const node = before.status?.node ?? ''
  const { zone: availabilityZone = '' } = (await client.get<ComputeNode>(COMPUTE_NODE, { name: node })).status ?? {}
  await project.createInstance('victim', { networks, availabilityZone })
  await project.createInstance('stays', { networks, availabilityZone })
  const victim = await project.waitActive('victim')
  const stays = await project.waitActive('stays')
  const ports = await client.list<Port>(PORT, { namespace: project.namespace })
  // What the dead node holds and must give up when it returns.
  const given = ports.filter(({ metadata }) => !metadata.name.startsWith('stays-'))
  const held = [before, victim, ...given].map((o) => o.metadata.uid)

  killed.add(node)
  await cloud.stopNode(node)
  await client.remove(INSTANCE, project.at('victim'))
  const silent = { type: 'Reconciling', reason: 'NodeSilent', message: /spec\.lost/ }
  expect(await waitForCondition(client, INSTANCE, project.at('victim'), silent, 120_000)).toContain(node)
  // Silence is no proof: nothing moves before a person said so (invariants 4 and 5).
  expect((await project.get('moves')).status?.node).toBe(node)

  await client.mergePatch(COMPUTE_NODE, { name: node }, { spec: { lost: 'Confirmed' } })
  await waitForGone(client, INSTANCE, project.at('victim'))
  // Allowed too late: its node has it as one that it may start by itself.
  await client.mergePatch(INSTANCE, project.at('stays'), { spec: { evacuation: 'WhenFenced' } })
  const late = { type: 'Reconciling', reason: 'NodeLost', message: /spec\.lost: Wiped/ }
  expect(await waitForCondition(client, INSTANCE, project.at('stays'), late)).toContain(node)
  const moved = (i: Instance | undefined) => i?.status?.node !== undefined && i.status.node !== node
  await waitForObject<Instance>(client, INSTANCE, project.at('moves'), moved, { what: 'on another node' })
  const after = await project.waitActive('moves')
  expect(after.status?.epoch).toBe((before.status?.epoch ?? 0) + 1)
  expect(after.status?.addresses).toEqual(before.status?.addresses)
  const boot = (await project.waitForMark('moves', 'login'))[0]?.rest

  await bringBack(node)
  const { uid } = after.metadata
  await waitUntilTrue(
    'the node to be clean',
    async () => {
      const { stdout } = await cloud.exec(node, ['virsh', 'list', '--uuid'])
      ran ||= stdout.includes(uid)
      return (await leftovers(cloud.node(node), held)).length === 0 || undefined
    },
    60_000,
  )
  expect(ran).toBe(false)
  const computeNode = await waitForObject<ComputeNode>(
    client,
    COMPUTE_NODE,
    { name: node },
    (n) => n?.status?.releases === undefined,
    { what: 'no release is left to confirm' },
  )
  expect(computeNode?.status?.orphans).toBeUndefined()
  expect((await project.waitActive('stays')).status).toMatchObject({ node, epoch: stays.status?.epoch })
  expect((await project.waitForMark('moves', 'login'))[0]?.rest).toBe(boot)
}, 300_000)

/** Did the machine that moved ever run on the node that came back? */
let ran = false

async function bringBack(node: string): Promise<void> {
  const { client, cloud } = project.test
  if (!isRunning(cloud.node(node))) await cloud.startNode(node)
  await client.mergePatch(COMPUTE_NODE, { name: node }, { spec: { lost: null } })
  await waitForReady(client, COMPUTE_NODE, { name: node })
  killed.delete(node)
}
