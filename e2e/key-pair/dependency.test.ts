// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { INSTANCE, KEY_PAIR } from '../../lib/api/kinds.ts'
import { newKey } from '../harness/ssh-key.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForGone } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('key-dep')
}, 60_000)
afterAll(() => project.destroy(), 60_000)

test('a machine waits for its key by name; a key in use stays and says by what', async () => {
  const { client } = project.test
  await project.createInstance('box', { keyPairRef: { name: 'later' }, runState: 'Stopped' })
  const want = { type: 'Reconciling', reason: 'KeyPairNotFound' }
  expect(await waitForCondition(client, INSTANCE, project.at('box'), want)).toMatch(/later in spec\.keyPairRef/)
  await project.create(KEY_PAIR, draft.keyPair(project.at('later'), newKey()))
  await project.waitActive('box')
  await client.remove(KEY_PAIR, project.at('later'))
  const inUse = await waitForCondition(client, KEY_PAIR, project.at('later'), { type: 'Reconciling', reason: 'InUse' })
  expect(inUse).toContain(`Instance ${project.namespace}/box`)
  await project.remove(INSTANCE, 'box')
  await waitForGone(client, KEY_PAIR, project.at('later'))
}, 90_000)
