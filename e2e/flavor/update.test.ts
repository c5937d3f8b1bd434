// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { FLAVOR, INSTANCE } from '../../lib/api/kinds.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForGone, waitForReady } from '../harness/wait.ts'

let project: Project
let small: { name: string }
beforeAll(async () => {
  project = await Project.create('flavor')
  small = { name: `${project.namespace}-small` }
  await project.test.client.create(FLAVOR, draft.flavor(small.name))
  await waitForReady(project.test.client, FLAVOR, small)
}, 60_000)
afterAll(() => project.destroy(), 60_000)

const createOff = (name: string, flavor: string) =>
  project.createInstance(name, { flavorRef: { name: flavor }, runState: 'Stopped' })

test('a flavor cannot change', async () => {
  const { client } = project.test
  await expect(client.mergePatch(FLAVOR, small, { spec: { vcpus: 2 } })).rejects.toThrow(
    'a Flavor cannot change: make a new Flavor and set flavorRef of the Instances to it',
  )
})

test('one of other projects looks as if it did not exist; one that is too small is refused for good', async () => {
  const { client } = project.test
  const hidden = { name: `${project.namespace}-hidden` }
  await client.create(
    FLAVOR,
    draft.flavor(hidden.name, { public: false, sharedWith: [{ namespace: 'somebody-else' }] }),
  )
  await createOff('nosy', hidden.name)
  const want = { type: 'Reconciling', reason: 'FlavorNotFound' }
  expect(await waitForCondition(client, INSTANCE, project.at('nosy'), want)).toContain(hidden.name)
  await project.remove(INSTANCE, 'nosy')
  await client.remove(FLAVOR, hidden)
}, 60_000)

test('deleted, it goes at once: a machine has its size already, and one that is still to be placed says what it lacks', async () => {
  const { client } = project.test
  await createOff('placed', small.name)
  await project.waitActive('placed')
  await project.createInstance('waits', { flavorRef: small, availabilityZone: 'nowhere', runState: 'Stopped' })
  await waitForCondition(client, INSTANCE, project.at('waits'), { type: 'Scheduled', status: 'False' })
  await client.remove(FLAVOR, small)
  await waitForGone(client, FLAVOR, small)
  const want = { type: 'Reconciling', reason: 'FlavorNotFound' }
  expect(await waitForCondition(client, INSTANCE, project.at('waits'), want)).toContain(small.name)
  expect((await project.get('placed')).status).toMatchObject({ state: 'SHUTOFF', flavor: { vcpus: 1 } })
}, 90_000)
