// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { STORAGE_POOL, VOLUME, VOLUME_TYPE } from '../../lib/api/kinds.ts'
import type { StoragePool } from '../../lib/api/types.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForGone, waitForObject } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('pool', { withImage: false })
}, 60_000)
afterAll(() => project.destroy(), 60_000)

test.each(['relative', '/srv/../etc', '/srv/a b', '/srv/$(reboot)', '/srv/'])(
  'the path %j is refused at once',
  async (path) => {
    const pool = { metadata: { name: project.namespace }, spec: { driver: 'file', file: { path } } }
    await expect(project.test.client.create(STORAGE_POOL, pool)).rejects.toThrow(/write an absolute path/)
  },
)

test('a pool that no node serves is down, and its volumes say what would help', async () => {
  const { client } = project.test
  const own = { name: project.namespace }
  const nodeSelector = { matchLabels: { 'example.com/disk': 'fast' } }
  await client.create(STORAGE_POOL, { metadata: own, spec: { driver: 'file', file: {}, nodeSelector } })
  await client.create(VOLUME_TYPE, { metadata: own, spec: { storagePoolRef: own } })
  const message = await waitForCondition(client, STORAGE_POOL, own, { type: 'Reconciling', reason: 'NoStorageNode' })
  expect(message).toContain('nephele.dev/storage=true')
  await waitForObject<StoragePool>(client, STORAGE_POOL, own, (p) => p?.status?.state === 'down', { what: 'down' })
  await project.create(VOLUME, draft.volume(project.at('early'), 1, { volumeTypeRef: own }))
  await waitForCondition(client, VOLUME, project.at('early'), { type: 'Reconciling', reason: 'NoStorageNode' })
  await project.remove(VOLUME, 'early')
  await client.remove(VOLUME_TYPE, own)
  await client.remove(STORAGE_POOL, own)
  await waitForGone(client, STORAGE_POOL, own)
}, 60_000)
