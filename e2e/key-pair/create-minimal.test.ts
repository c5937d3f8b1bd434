// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { KEY_PAIR } from '../../lib/api/kinds.ts'
import type { KeyPair } from '../../lib/api/types.ts'
import { newKey } from '../harness/ssh-key.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForReady } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('key-min', { withImage: false })
}, 60_000)
afterAll(() => project.destroy(), 60_000)

test('a key has its type and fingerprint, and never changes', async () => {
  const { client } = project.test
  await project.create(KEY_PAIR, draft.keyPair(project.at('me'), newKey()))
  const { status } = await waitForReady<KeyPair>(client, KEY_PAIR, project.at('me'))
  expect(status).toMatchObject({ keyType: 'ssh-ed25519', fingerprint: expect.stringMatching(/^SHA256:[\w+/]{43}$/) })
  await expect(project.patch(KEY_PAIR, 'me', { spec: { publicKey: newKey() } })).rejects.toThrow(
    'publicKey cannot change: make a new KeyPair',
  )
})
