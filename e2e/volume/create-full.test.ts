// SPDX-License-Identifier: Apache-2.0
import { existsSync, statSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { STORAGE_POOL, VOLUME, VOLUME_TYPE } from '../../lib/api/kinds.ts'
import type { Volume } from '../../lib/api/types.ts'
import { pathIn } from '../../local/node/node.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForReady } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('volume-full', { withImage: false })
}, 60_000)
afterAll(() => project.destroy(), 60_000)

test('every field: of a type whose pool has a folder of its own, protected, and gone from there with the Volume', async () => {
  const { client, cloud, networkNode } = project.test
  const path = `/var/lib/nephele/e2e/${project.namespace}`
  const pool = await project.createClusterWide(STORAGE_POOL, 'own', { driver: 'file', file: { path } })
  const type = await project.createClusterWide(VOLUME_TYPE, 'own', { storagePoolRef: { name: pool.metadata.name } })
  const spec = { volumeTypeRef: { name: type.metadata.name }, deletionProtection: true }
  await project.create(VOLUME, draft.volume(project.at('data'), 3, spec))
  const { status, metadata } = await waitForReady<Volume>(client, VOLUME, project.at('data'))
  expect(status).toMatchObject({ state: 'available', pool: pool.metadata.name, node: networkNode, sizeGiB: 3 })
  const file = pathIn(cloud.node(networkNode), `${path}/${metadata.uid}.raw`)
  expect(statSync(file).size).toBe(3 * 2 ** 30)

  await expect(client.remove(VOLUME, project.at('data'))).rejects.toThrow(/deletion protection/)
  await project.patch(VOLUME, 'data', { spec: { deletionProtection: false } })
  await project.remove(VOLUME, 'data')
  expect(existsSync(file)).toBe(false)
}, 60_000)
