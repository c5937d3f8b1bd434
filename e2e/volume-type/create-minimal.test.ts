// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { STORAGE_POOL, VOLUME, VOLUME_TYPE } from '../../lib/api/kinds.ts'
import type { Volume, VolumeType } from '../../lib/api/types.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForReady } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('vtype-min', { withImage: false })
}, 60_000)
afterAll(() => project.destroy(), 60_000)

test('a pool is enough: volumes that name the type are on it; those that name none have the default', async () => {
  const { client } = project.test
  const pool = await project.createClusterWide(STORAGE_POOL, 'own', { driver: 'file', file: {} })
  const type = await project.createClusterWide<VolumeType>(VOLUME_TYPE, 'own', {
    storagePoolRef: { name: pool.metadata.name },
  })
  const { spec, status } = await waitForReady<VolumeType>(client, VOLUME_TYPE, { name: type.metadata.name })
  expect([spec.default, status?.state]).toEqual([false, 'ACTIVE'])
  await project.create(VOLUME, draft.volume(project.at('typed'), 1, { volumeTypeRef: { name: type.metadata.name } }))
  await project.create(VOLUME, draft.volume(project.at('plain')))
  const poolOf = async (name: string) => (await waitForReady<Volume>(client, VOLUME, project.at(name))).status?.pool
  expect([await poolOf('typed'), await poolOf('plain')]).toEqual([pool.metadata.name, 'files'])
}, 60_000)
