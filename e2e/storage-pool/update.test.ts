// SPDX-License-Identifier: Apache-2.0
// Which nodes serve a pool follows its selector and their labels; what is on them stays there.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { NODE, STORAGE_POOL, VOLUME, VOLUME_TYPE } from '../../lib/api/kinds.ts'
import type { StoragePool, Volume } from '../../lib/api/types.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForGone, waitForObject, waitForReady } from '../harness/wait.ts'

const OTHER = 'compute-1'
const DISK = 'e2e.nephele.dev/disk'

let project: Project
let pool: { name: string }
beforeAll(async () => {
  project = await Project.create('pool-update', { withImage: false })
  await label({ 'nephele.dev/storage': 'true', [DISK]: 'fast' })
  const matchLabels = { [DISK]: 'fast' }
  const { metadata } = await project.createClusterWide(STORAGE_POOL, 'own', {
    driver: 'file',
    file: {},
    nodeSelector: { matchLabels },
  })
  pool = { name: metadata.name }
  await project.createClusterWide(VOLUME_TYPE, 'own', { storagePoolRef: pool })
}, 60_000)
afterAll(async () => {
  await project.destroy()
  await label({ 'nephele.dev/storage': null, [DISK]: null })
  // The next file finds the cloud as it was.
  const isBack = (p: StoragePool | undefined) =>
    p?.status?.nodes?.length === 1 && p.status.nodes[0]?.node === project.test.networkNode
  await waitForObject<StoragePool>(project.test.client, STORAGE_POOL, { name: 'files' }, isBack, { what: 'one node' })
}, 60_000)

const label = (labels: Record<string, string | null>) =>
  project.test.client.mergePatch(NODE, { name: OTHER }, { metadata: { labels } })
const servedBy = (...nodes: string[]) =>
  waitForObject<StoragePool>(
    project.test.client,
    STORAGE_POOL,
    pool,
    (p) => JSON.stringify((p?.status?.nodes ?? []).map((n) => n.node)) === JSON.stringify(nodes),
    { what: `served by ${nodes.join(', ')}` },
  )
const createVolume = (name: string) =>
  project.create(VOLUME, draft.volume(project.at(name), 1, { volumeTypeRef: { name: pool.name } }))
const nodeOf = async (name: string) =>
  (await waitForReady<Volume>(project.test.client, VOLUME, project.at(name))).status?.node

test('a selector that is taken away lets every storage node serve it, one that is set only those', async () => {
  const { client, networkNode } = project.test
  await servedBy(OTHER)
  await createVolume('first')
  expect(await nodeOf('first')).toBe(OTHER)
  await client.mergePatch(STORAGE_POOL, pool, { spec: { nodeSelector: null } })
  await servedBy(OTHER, networkNode)
  await client.mergePatch(STORAGE_POOL, pool, { spec: { nodeSelector: { matchLabels: { [DISK]: 'none' } } } })
  await waitForCondition(client, STORAGE_POOL, pool, { type: 'Reconciling', reason: 'NoStorageNode' })
  await createVolume('waits')
  await waitForCondition(client, VOLUME, project.at('waits'), { type: 'Reconciling', reason: 'NoStorageNode' })
  await client.mergePatch(STORAGE_POOL, pool, { spec: { nodeSelector: { matchLabels: { [DISK]: 'fast' } } } })
  await servedBy(OTHER)
  expect([await nodeOf('waits'), await nodeOf('first')]).toEqual([OTHER, OTHER])
}, 90_000)

test('the driver and its folder cannot change; in use it stays, and goes with its last volume', async () => {
  const { client } = project.test
  const other = { spec: { file: { path: '/srv/other' } } }
  await expect(client.mergePatch(STORAGE_POOL, pool, other)).rejects.toThrow(/cannot change/)
  await client.remove(STORAGE_POOL, pool)
  const want = { type: 'Reconciling', reason: 'InUse' }
  expect(await waitForCondition(client, STORAGE_POOL, pool, want)).toMatch(/\/first, .*\/waits/)
  for (const name of ['first', 'waits']) await project.remove(VOLUME, name)
  await waitForGone(client, STORAGE_POOL, pool)
}, 60_000)
