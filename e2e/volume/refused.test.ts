// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { VOLUME } from '../../lib/api/kinds.ts'
import type { Volume } from '../../lib/api/types.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForReady } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('volume-refused', { withImage: false })
  await project.create(VOLUME, draft.volume(project.at('data'), 2, { deletionProtection: true }))
  await waitForReady<Volume>(project.test.client, VOLUME, project.at('data'))
}, 60_000)
afterAll(async () => {
  await project.patch(VOLUME, 'data', { spec: { deletionProtection: false } })
  await project.destroy()
}, 60_000)

test.each([
  ['smaller', { sizeGiB: 1 }, /only grows/],
  ['of another type', { volumeTypeRef: { name: 'other' } }, /volumeTypeRef cannot change: make a new Volume/],
  ['without a size', { sizeGiB: 0 }, /sizeGiB/],
])('a volume cannot become %s', async (_, spec, message) => {
  await expect(project.patch(VOLUME, 'data', { spec })).rejects.toThrow(message)
})

test('one under deletion protection is not deleted, not even with all others', async () => {
  const { client, cloud } = project.test
  await expect(client.remove(VOLUME, project.at('data'))).rejects.toThrow(
    /Volume data has deletion protection: write spec.deletionProtection: false first/,
  )
  await expect(
    cloud.kubectl(['delete', 'volumes.nephele.dev', '--all', '-n', project.namespace, '--wait=false']),
  ).rejects.toMatchObject({ stderr: expect.stringContaining('deletion protection') })
  expect((await client.get<Volume>(VOLUME, project.at('data'))).metadata.deletionTimestamp).toBeUndefined()
})

test('more than the pool has waits, says how much there is, and harms nobody', async () => {
  const { client } = project.test
  await project.create(VOLUME, draft.volume(project.at('huge'), 65_536))
  const want = { type: 'Reconciling', reason: 'PoolFull' }
  const message = await waitForCondition(client, VOLUME, project.at('huge'), want)
  expect(message).toMatch(/StoragePool files can promise at most \d+ GiB more on one node, 65536 wanted/)
  await waitForReady<Volume>(client, VOLUME, project.at('data'))
  await project.remove(VOLUME, 'huge')
}, 60_000)
