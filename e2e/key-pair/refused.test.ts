// SPDX-License-Identifier: Apache-2.0
import { generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { INSTANCE, KEY_PAIR } from '../../lib/api/kinds.ts'
import type { KeyPair } from '../../lib/api/types.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForGone, waitForReady } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('keys')
}, 60_000)
afterAll(() => project.destroy(), 60_000)

/** As a .pub file has it: RFC 4253 section 6.6, RFC 8709. */
function newKey(): string {
  const raw = Buffer.from(generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }).x ?? '', 'base64url')
  const field = (data: Buffer) => Buffer.concat([Buffer.from([0, 0, 0, data.length]), data])
  return `ssh-ed25519 ${Buffer.concat([field(Buffer.from('ssh-ed25519')), field(raw)]).toString('base64')} me`
}

test('a key has its type and fingerprint, and never changes', async () => {
  const { client } = project.test
  await project.create(KEY_PAIR, draft.keyPair(project.at('me'), newKey()))
  const { status } = await waitForReady<KeyPair>(client, KEY_PAIR, project.at('me'))
  expect(status).toMatchObject({ keyType: 'ssh-ed25519', fingerprint: expect.stringMatching(/^SHA256:[\w+/]{43}$/) })
  await expect(project.patch(KEY_PAIR, 'me', { spec: { publicKey: newKey() } })).rejects.toThrow(
    'publicKey cannot change: make a new KeyPair',
  )
})

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
