// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { pino } from 'pino'
import { createAuthority, loadAuthority, signRequest } from '../../lib/pki/authority.ts'
import { NbdIdentity } from './nbd-identity.ts'

const NOW = new Date('2026-06-01T00:00:00Z')
const later = (days: number) => new Date(NOW.getTime() + days * 24 * 3600 * 1000)
let dir: string
let identity: NbdIdentity
const make = () => new NbdIdentity(dir, 'n1', pino({ level: 'silent' }))
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nephele-pki-'))
  identity = make()
})
afterEach(async () => {
  await rm(dir, { recursive: true })
})

async function certify(at: Date): Promise<void> {
  const files = await createAuthority('volumes', 10_950, NOW)
  const authority = await loadAuthority(files)
  const requests = await identity.requests(at)
  const sign = (request: string) =>
    signRequest(request, { commonName: 'n1', names: [] }, { authority, days: 90, now: at })
  const [client, server] = [await sign(requests.client), await sign(requests.server)]
  await identity.accept({ client, server, authority: files.certificate }, at)
}
const keys = async () => ({
  client: await readFile(identity.files.client.keyFile, 'utf8'),
  server: await readFile(identity.files.server.keyFile, 'utf8'),
})

test('late in its life the server’s key changes; the key that volumes let in never does', async () => {
  await certify(NOW)
  const first = await keys()
  const asked = await identity.requests(later(1))
  identity = make()
  expect(await identity.requests(later(30))).toEqual(asked)
  const due = await identity.requests(later(80))
  expect(due.client).toBe(asked.client)
  expect(due.server).not.toBe(asked.server)
  await certify(later(80))
  const second = await keys()
  expect(second.client).toBe(first.client)
  expect(second.server).not.toBe(first.server)
  // Not even when its certificate has ended, or is lost.
  expect((await identity.requests(later(4_000))).client).toBe(asked.client)
  await rm(identity.files.client.certificateFile)
  await rm(join(dir, 'pki/nbd/client/request.pem'))
  await certify(later(4_000))
  expect((await keys()).client).toBe(first.client)
})

test('keys are the owner’s alone', async () => {
  await certify(NOW)
  for (const { keyFile } of [identity.files.client, identity.files.server])
    expect((await stat(keyFile)).mode & 0o777).toBe(0o600)
})
