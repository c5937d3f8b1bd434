// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { STORAGE_POOL, VOLUME, VOLUME_TYPE } from '../../lib/api/kinds.ts'
import type { Volume, VolumeType } from '../../lib/api/types.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForGone, waitForReady } from '../harness/wait.ts'

let project: Project
let type: { name: string }
const pools: string[] = []
beforeAll(async () => {
  project = await Project.create('vtype-update', { withImage: false })
  for (const suffix of ['old', 'new']) {
    const { metadata } = await project.createClusterWide(STORAGE_POOL, suffix, { driver: 'file', file: {} })
    await waitForReady(project.test.client, STORAGE_POOL, { name: metadata.name })
    pools.push(metadata.name)
  }
  const { metadata } = await project.createClusterWide(VOLUME_TYPE, 'moves', { storagePoolRef: { name: pools[0] } })
  type = { name: metadata.name }
}, 60_000)
afterAll(() => project.destroy(), 60_000)

const placeOf = async (name: string) => {
  const found = await project.test.client.find<Volume>(VOLUME, project.at(name))
  if (!found) await project.create(VOLUME, draft.volume(project.at(name), 1, { volumeTypeRef: type }))
  return (await waitForReady<Volume>(project.test.client, VOLUME, project.at(name))).status?.pool
}

test('another pool is for volumes that are made from then on; those that are there stay where they are', async () => {
  const { client } = project.test
  expect(await placeOf('before')).toBe(pools[0])
  await client.mergePatch(VOLUME_TYPE, type, { spec: { storagePoolRef: { name: pools[1] }, description: 'faster' } })
  await waitForReady<VolumeType>(client, VOLUME_TYPE, type)
  expect(await placeOf('after')).toBe(pools[1])
  expect(await placeOf('before')).toBe(pools[0])
}, 60_000)

test('a pool that is not there is named; deleted, the type leaves its volumes as they are', async () => {
  const { client } = project.test
  await client.mergePatch(VOLUME_TYPE, type, { spec: { storagePoolRef: { name: 'nowhere' } } })
  const want = { type: 'Reconciling', reason: 'StoragePoolNotFound' }
  expect(await waitForCondition(client, VOLUME_TYPE, type, want)).toContain('nowhere')
  await client.remove(VOLUME_TYPE, type)
  await waitForGone(client, VOLUME_TYPE, type)
  for (const name of ['before', 'after']) await waitForReady<Volume>(client, VOLUME, project.at(name))
  await project.create(VOLUME, draft.volume(project.at('late'), 1, { volumeTypeRef: type }))
  const late = { type: 'Reconciling', reason: 'VolumeTypeNotFound' }
  expect(await waitForCondition(client, VOLUME, project.at('late'), late)).toContain(type.name)
}, 60_000)
