// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { FLAVOR, IMAGE, INSTANCE } from '../../lib/api/kinds.ts'
import type { Instance } from '../../lib/api/types.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForObject } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('dependency', { withImage: false })
}, 120_000)
afterAll(async () => {
  await project.destroy()
  await project.test.client.remove(FLAVOR, { name: project.namespace })
}, 120_000)

/** Which of several missing things is named first is not promised; that it is Reconciling and not Stalled is. */
async function waitForMessage(name: string): Promise<void> {
  const names = (i: Instance | undefined) =>
    i?.status?.conditions?.some((c) => c.type === 'Reconciling' && c.message.includes(name)) ?? false
  await waitForObject<Instance>(project.test.client, INSTANCE, project.at('early'), names, {
    what: `Reconciling with a message that names ${name}`,
  })
}

test('an Instance names each thing it waits for, and goes on when it appears', async () => {
  const { client, guestImage } = project.test
  const flavor = project.namespace
  await project.createInstance('early', {
    flavorRef: { name: flavor },
    networks: [{ networkRef: { name: 'later' } }],
  })
  await waitForMessage(flavor)
  await client.create(FLAVOR, draft.flavor(flavor))
  await waitForMessage('guest')
  await project.create(IMAGE, draft.image(project.at('guest'), guestImage))
  await waitForMessage('later')
  await project.createNetwork('later', '10.21.0.0/24')
  expect((await project.waitActive('early')).status?.state).toBe('ACTIVE')
}, 180_000)
