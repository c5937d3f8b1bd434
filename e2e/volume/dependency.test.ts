// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { STORAGE_POOL, VOLUME, VOLUME_TYPE } from '../../lib/api/kinds.ts'
import type { StoragePool, Volume, VolumeType } from '../../lib/api/types.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForGone, waitForReady } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('volume-dep', { withImage: false })
}, 60_000)
afterAll(() => project.destroy(), 60_000)

test('a volume names the type and then the pool that it waits for, and goes on when they appear', async () => {
  const { client, networkNode } = project.test
  const name = project.namespace
  const [pool, type] = [{ name: `${name}-pool` }, { name: `${name}-type` }]
  await project.create(VOLUME, draft.volume(project.at('early'), 1, { volumeTypeRef: type }))
  const waits = (reason: string) =>
    waitForCondition(client, VOLUME, project.at('early'), { type: 'Reconciling', reason })
  expect(await waits('VolumeTypeNotFound')).toContain(type.name)

  await client.create(VOLUME_TYPE, { metadata: type, spec: { storagePoolRef: pool } })
  expect(await waits('StoragePoolNotFound')).toContain(pool.name)
  const missing = await waitForCondition(client, VOLUME_TYPE, type, {
    type: 'Reconciling',
    reason: 'StoragePoolNotFound',
  })
  expect(missing).toContain(pool.name)

  await client.create(STORAGE_POOL, { metadata: pool, spec: { driver: 'file', file: {} } })
  const early = await waitForReady<Volume>(client, VOLUME, project.at('early'))
  expect(early.status).toMatchObject({ pool: pool.name, node: networkNode })
  await waitForReady<VolumeType>(client, VOLUME_TYPE, type)
  const ready = await waitForReady<StoragePool>(client, STORAGE_POOL, pool)
  expect(ready.status).toMatchObject({ state: 'up', nodes: [{ node: networkNode }] })

  // The volume keeps its pool; the type may go at any time.
  await client.remove(VOLUME_TYPE, type)
  await waitForGone(client, VOLUME_TYPE, type)
  await client.remove(STORAGE_POOL, pool)
  const inUse = await waitForCondition(client, STORAGE_POOL, pool, { type: 'Reconciling', reason: 'InUse' })
  expect(inUse).toContain(`${project.namespace}/early`)
  await waitForReady<Volume>(client, VOLUME, project.at('early'))
  await project.remove(VOLUME, 'early')
  await waitForGone(client, STORAGE_POOL, pool)
}, 120_000)
