// SPDX-License-Identifier: Apache-2.0
// A real nats-server whose certificate is renewed on disk, as the kubelet does with a Secret.
import { expect, test } from '@jest/globals'
import { X509Certificate } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { once } from 'node:events'
import { createLogger } from '../../lib/log.ts'
import { TestServer } from '../../lib/nats/test-server.ts'
import { createAuthority, loadAuthority, signKey } from '../../lib/pki/authority.ts'
import { createPrivateKey, publicKeyOf } from '../../lib/pki/key.ts'
import { systemServers } from './bus-servers.ts'
import { CertificateWatch } from './certificate-watch.ts'

const SECRET = 'nephele-nats-tls'

/** What a client is shown: the server speaks first, and then it is TLS. */
async function shownBy(server: string): Promise<X509Certificate> {
  const [host = '', port = ''] = server.split(':')
  const socket = connectTcp({ host, port: Number(port) })
  await once(socket, 'data')
  const tls = connectTls({ socket, rejectUnauthorized: false })
  await once(tls, 'secureConnect')
  const certificate = tls.getPeerX509Certificate()
  tls.destroy()
  if (!certificate) throw new Error('no certificate')
  return certificate
}

test('a renewed certificate is shown without a restart, and who is connected stays so', async () => {
  await using server = await TestServer.start()
  const [operator, system] = [await server.connectOperator(), await server.connectSystem()]
  const seen: string[] = []
  void (async () => {
    for await (const { type } of operator.status()) seen.push(type)
  })()
  const path = (name: string) => join(server.dir, name)
  const now = new Date()
  const authority = await loadAuthority(await createAuthority('another', 1000, now))
  const key = await createPrivateKey()
  const renewed = await signKey(
    publicKeyOf(key),
    { commonName: 'nats', names: ['localhost'] },
    { authority, days: 700, now },
  )
  const before = await shownBy(server.address.servers[0]!)
  const ends = new Map([[SECRET, new X509Certificate(renewed).validToDate]])
  const known: [string, Date][] = []
  const watch = new CertificateWatch({
    ...{
      servers: systemServers(system),
      readEnds: async () => ends,
      now: () => now,
      log: createLogger('test', 'silent'),
    },
    known: (secret, end) => void known.push([secret, end]),
  })
  const signal = new AbortController().signal

  // The kubelet has not written it yet: the server reads the same again.
  await watch.check(signal)
  expect(known).toEqual([[SECRET, before.validToDate]])
  expect(watch.condition()).toMatchObject({
    status: 'False',
    message: expect.stringContaining('test shows one of'),
  })

  await writeFile(path('server.key'), key)
  await writeFile(path('server.crt'), renewed)
  expect((await shownBy(server.address.servers[0]!)).serialNumber).toBe(before.serialNumber)
  await watch.check(signal)
  expect((await shownBy(server.address.servers[0]!)).raw).toEqual(new X509Certificate(renewed).raw)
  expect(known.at(-1)).toEqual([SECRET, ends.get(SECRET)])
  expect(watch.condition()).toMatchObject({ status: 'True' })
  await operator.flush()
  expect(seen.filter((type) => ['disconnect', 'reconnect', 'error'].includes(type))).toEqual([])

  // What cannot be read leaves the one before, and is said.
  ends.set(SECRET, new Date(now.getTime() + 800 * 24 * 3600 * 1000))
  await writeFile(path('server.crt'), 'oops')
  await expect(watch.check(signal)).rejects.toThrow('do not read their renewed certificates')
  expect((await shownBy(server.address.servers[0]!)).raw).toEqual(new X509Certificate(renewed).raw)
  expect(await readFile(path('log'), 'utf8')).not.toContain('exiting')
}, 60_000)

test('the operator’s other users may not ask for it, and it may not ask for more', async () => {
  await using server = await TestServer.start()
  const [operator, system] = [await server.connectOperator(), await server.connectSystem()]
  await expect(systemServers(operator).list()).rejects.toThrow('Permissions Violation')
  const [one] = await systemServers(system).list()
  for (const subject of ['$SYS.REQ.SERVER.PING.CONFIG', `$SYS.REQ.SERVER.${one?.serverId}.LDM`])
    await expect(system.request(subject, '', { timeout: 500 })).rejects.toThrow()
}, 60_000)
