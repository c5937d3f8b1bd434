// SPDX-License-Identifier: Apache-2.0
// Ports of a Trunk stay as long as they are on it; all at once, in any order, goes.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { NAMESPACE, PORT, TRUNK } from '../../lib/api/kinds.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForGone, waitForReady } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('trunk-del', { withImage: false, net: '10.89.0.0/24' })
}, 60_000)
afterAll(async () => {
  await waitForGone(project.test.client, NAMESPACE, { name: project.namespace }, 60_000)
  expect(await project.findLeftovers()).toEqual([])
}, 90_000)

const furnish = async () => {
  for (const name of ['eth', 'blue']) await project.create(PORT, draft.port(project.at(name), 'net'))
  const subports = [{ portRef: { name: 'blue' }, segmentationID: 100 }]
  await project.create(TRUNK, draft.trunk(project.at('t'), { portRef: { name: 'eth' }, subports }))
  await waitForReady(project.test.client, TRUNK, project.at('t'))
}

test('its Ports say by which Trunk they are held, and go with it', async () => {
  const { client } = project.test
  await furnish()
  for (const name of ['eth', 'blue']) {
    await client.remove(PORT, project.at(name))
    const inUse = { type: 'Reconciling', reason: 'InUse' }
    expect(await waitForCondition(client, PORT, project.at(name), inUse)).toMatch(/Trunk .*\/t/)
  }
  await project.remove(TRUNK, 't')
  for (const name of ['eth', 'blue']) await waitForGone(client, PORT, project.at(name))
}, 60_000)

test('the whole namespace at once', async () => {
  await furnish()
  await project.test.client.remove(NAMESPACE, { name: project.namespace })
}, 60_000)
