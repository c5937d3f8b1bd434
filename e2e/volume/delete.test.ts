// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { INSTANCE, VOLUME } from '../../lib/api/kinds.ts'
import type { Volume } from '../../lib/api/types.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForGone } from '../harness/wait.ts'

let project: Project
let data: Volume
beforeAll(async () => {
  project = await Project.create('volume-del')
  data = await project.createVolume('data')
  await project.createInstance('box', { volumes: [{ volumeRef: { name: 'data' } }] })
  await project.waitActive('box')
}, 180_000)
afterAll(() => project.destroy(), 120_000)

test('a volume in use stays Terminating, says by which machine, and takes no other', async () => {
  const { client } = project.test
  await client.remove(VOLUME, project.at('data'))
  const message = await waitForCondition(client, VOLUME, project.at('data'), { type: 'Reconciling', reason: 'InUse' })
  expect(message).toMatch(/Instance box.*spec\.volumes/)
  await project.createInstance('late', { volumes: [{ volumeRef: { name: 'data' } }] })
  const refused = await waitForCondition(client, INSTANCE, project.at('late'), {
    type: 'Reconciling',
    reason: 'VolumeDeleting',
  })
  expect(refused).toMatch(/Volume .*data .*being deleted/)
  await project.remove(INSTANCE, 'late')
  expect((await project.get('box')).status?.state).toBe('ACTIVE')
}, 90_000)

test('it goes once the running machine has let go of it, and nothing of it is left', async () => {
  await project.waitForMark('box', 'login') // before, no driver in the guest would answer
  await project.patch(INSTANCE, 'box', { spec: { volumes: [] } })
  await waitForGone(project.test.client, VOLUME, project.at('data'))
  expect((await project.waitActive('box')).status?.state).toBe('ACTIVE')
  const left = (await project.findLeftovers()).filter((line) => line.includes(data.metadata.uid))
  expect(left).toEqual([])
}, 120_000)
