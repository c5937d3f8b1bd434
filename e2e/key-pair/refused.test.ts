// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { KEY_PAIR } from '../../lib/api/kinds.ts'
import { newKey } from '../harness/ssh-key.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('keys', { withImage: false })
}, 60_000)
afterAll(() => project.destroy(), 60_000)

test.each([
  ['a private key', '-----BEGIN OPENSSH PRIVATE KEY-----'],
  ['two lines', `${newKey()}\nssh-ed25519 AAAA`],
  ['an option in front', `command="reboot" ${newKey()}`],
])('%s is refused at once', async (_, text) => {
  await expect(project.create(KEY_PAIR, draft.keyPair(project.at('bad'), text))).rejects.toThrow(/publicKey/)
})

test('one that only looks like a key is Stalled and says what to write', async () => {
  await project.create(KEY_PAIR, draft.keyPair(project.at('cut'), newKey().replace(/.{20} me$/, '')))
  const { client } = project.test
  const message = await waitForCondition(client, KEY_PAIR, project.at('cut'), {
    type: 'Stalled',
    reason: 'InvalidPublicKey',
  })
  expect(message).toMatch(/spec\.publicKey .*write the one line of a \.pub file/)
})
