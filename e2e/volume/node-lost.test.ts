// SPDX-License-Identifier: Apache-2.0
// The node that holds a volume dies: what the volume, the machine that has it and `kubectl delete` say, and the way out.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { COMPUTE_NODE, INSTANCE, NODE, STORAGE_POOL, VOLUME, VOLUME_TYPE } from '../../lib/api/kinds.ts'
import type { ComputeNode, StoragePool } from '../../lib/api/types.ts'
import { isRunning } from '../../local/host/process.ts'
import { hurryHeartbeats } from '../harness/heartbeat.ts'
import { leftovers } from '../harness/leftovers.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForGone, waitForObject, waitForReady, waitUntilTrue } from '../harness/wait.ts'

/** The local cloud's own storage node has OVN's databases too: this one takes nothing else along. */
const STORAGE = 'compute-2'
const DISK = 'e2e.nephele.dev/disk'

let project: Project
/** What the dead node holds and must give up when it returns. */
const held: string[] = []
let relax: (() => Promise<void>) | undefined
beforeAll(async () => {
  project = await Project.create('volume-lost')
  const { client } = project.test
  relax = await hurryHeartbeats(project.test)
  await label({ 'nephele.dev/storage': 'true', [DISK]: 'own' })
  const pool = await project.createClusterWide<StoragePool>(STORAGE_POOL, 'own', {
    driver: 'file',
    file: {},
    nodeSelector: { matchLabels: { [DISK]: 'own' } },
  })
  await waitForReady(client, STORAGE_POOL, { name: pool.metadata.name })
  const storagePoolRef = { name: pool.metadata.name }
  const type = await project.createClusterWide(VOLUME_TYPE, 'own', { storagePoolRef })
  for (const name of ['used', 'spare']) {
    const { metadata } = await project.create(
      VOLUME,
      draft.volume(project.at(name), 1, { volumeTypeRef: { name: type.metadata.name } }),
    )
    held.push(metadata.uid)
    await waitForReady(client, VOLUME, project.at(name))
  }
  await project.boot('user', { availabilityZone: 'zone-a', volumes: [{ volumeRef: { name: 'used' } }] })
  await project.waitForMark('user', 'login')
}, 120_000)
afterAll(async () => {
  await bringBack()
  await project.destroy()
  await label({ 'nephele.dev/storage': null, [DISK]: null })
  await relax?.()
  expect(await project.findLeftovers()).toEqual([])
}, 180_000)

const label = (labels: Record<string, string | null>) =>
  project.test.client.mergePatch(NODE, { name: STORAGE }, { metadata: { labels } })
const says = (kind: typeof VOLUME, name: string, reason: string) =>
  waitForCondition(project.test.client, kind, project.at(name), { type: 'Reconciling', reason })

test('while it is silent the volume is not ready, its machine runs on, and a deletion waits and names the way out', async () => {
  const { client, cloud } = project.test
  const boot = (await project.marks('user'))[0]?.rest
  await cloud.stopNode(STORAGE)
  const message = await says(VOLUME, 'used', 'NodeSilent')
  expect(message).toMatch(new RegExp(`${STORAGE}.*spec\\.lost: Confirmed`))
  await waitForCondition(client, VOLUME, project.at('used'), { type: 'Ready', status: 'False' })
  expect((await project.waitActive('user')).status?.state).toBe('ACTIVE')
  expect((await project.marks('user'))[0]?.rest).toBe(boot)

  await client.remove(VOLUME, project.at('spare'))
  expect(await says(VOLUME, 'spare', 'NodeSilent')).toMatch(/spec\.lost/)
  // A volume that was not there yet has nowhere to go.
  await project.create(VOLUME, draft.volume(project.at('late'), 1, { volumeTypeRef: { name: typeName() } }))
  expect(await says(VOLUME, 'late', 'NoStorageNode')).toMatch(new RegExp(`served by ${STORAGE}, not heard now`))
}, 120_000)

test('confirmed lost, all of it can be deleted, the machine too', async () => {
  const { client } = project.test
  await client.mergePatch(COMPUTE_NODE, { name: STORAGE }, { spec: { lost: 'Confirmed' } })
  await waitForGone(client, VOLUME, project.at('spare'))
  expect(await says(VOLUME, 'used', 'NodeLost')).toMatch(/delete the volume/)
  await client.remove(VOLUME, project.at('used'))
  expect(await says(VOLUME, 'used', 'InUse')).toContain('Instance user')
  await project.remove(INSTANCE, 'user')
  await waitForGone(client, VOLUME, project.at('used'))
}, 120_000)

test('should it come back, it gives up what was deleted meanwhile', async () => {
  const { client, cloud } = project.test
  await bringBack()
  const isClean = async () => (await leftovers(cloud.node(STORAGE), held)).length === 0 || undefined
  await waitUntilTrue('the node to be clean', isClean, 60_000)
  const hasNone = (n: ComputeNode | undefined) => n?.status?.releases === undefined
  await waitForObject<ComputeNode>(client, COMPUTE_NODE, { name: STORAGE }, hasNone, { what: 'no release is left' })
  await waitForReady(client, VOLUME, project.at('late'))
}, 120_000)

const typeName = () => `${project.namespace}-own`

async function bringBack(): Promise<void> {
  const { client, cloud } = project.test
  if (!isRunning(cloud.node(STORAGE))) await cloud.startNode(STORAGE)
  await client.mergePatch(COMPUTE_NODE, { name: STORAGE }, { spec: { lost: null } })
  await waitForReady(client, COMPUTE_NODE, { name: STORAGE })
}
