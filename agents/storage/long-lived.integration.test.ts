// SPDX-License-Identifier: Apache-2.0
// What a hypervisor was started with must last as long as its guest: one client, opened once, goes through all that happens to its
// volume in years, in seconds. And what version 0.1.0 began goes on under this one.
import { mkdir, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { exec } from '../../lib/exec.ts'
import type { FileVolumeDriver } from './drivers/file/file-volume-driver.ts'
import { authorization, daemonArguments } from './exports/daemon-arguments.ts'
import { waitForExit } from '../daemons/daemon-process.ts'
import type { CertifiedNode } from './testing/certificates.ts'
import { createFilePool, type FilePool } from './testing/file-pool.ts'
import { openNbd, type NbdClient, type NbdConnection } from './testing/nbd-client.ts'
import { clientTlsDir } from './exports/tls-files.ts'

jest.setTimeout(60_000)
const signal = () => AbortSignal.timeout(15_000)
/** Of servers' certificates here, in days: they end while the test runs. */
const SERVER_DAYS = 8 / (24 * 3600)

let pool: FilePool
let driver: FileVolumeDriver
let holder: CertifiedNode
beforeEach(async () => {
  pool = await createFilePool()
  driver = pool.createDriver()
  holder = await pool.holder('node-a')
})
afterEach(async () => {
  await pool[Symbol.asyncDispose]()
})

const make = async (sizeGiB: number) => {
  await driver.ensure({ id: 'v1', sizeGiB, format: 'raw' }, signal())
  await driver.grow('v1', sizeGiB, signal())
}
const serve = async () => (await driver.export('v1', [{ node: 'node-a', key: holder.key }], signal())) as NbdConnection
const open = (connection: NbdConnection, tlsDir: string, reconnectDelaySeconds: number) =>
  openNbd({ qemuIo: pool.programs['qemu-io'], connection, tlsDir, reconnectDelaySeconds })

/** Everything that was acknowledged is still there. */
class Diary {
  readonly #client: NbdClient
  #pages = 0

  constructor(client: NbdClient) {
    this.#client = client
  }

  async write(): Promise<void> {
    const page = ++this.#pages
    expect(await this.#client.run(`write -P ${page} ${page * 16}M 64k`)).toContain('wrote 65536')
  }

  async check(): Promise<void> {
    for (let page = 1; page <= this.#pages; page++)
      expect(await this.#client.run(`read -P ${page} ${page * 16}M 64k`)).toMatch(/^read 65536/)
  }
}

test('a guest writes through renewals, the end of what came before, a crash, a growth, and a long absence, and loses nothing', async () => {
  await make(1)
  await pool.authority.certify(pool.dataDir, 'storage-1', { serverDays: SERVER_DAYS })
  const firstEnds = Date.now() + 8_000
  const connection = await serve()
  const reconnectDelaySeconds = 6
  await using client = await open(connection, holder.tlsDir, reconnectDelaySeconds)
  const diary = new Diary(client)
  await diary.write()

  // Its own node's identity is renewed, with another key, and so is the server's certificate, twice.
  for (let renewal = 0; renewal < 2; renewal++) {
    await pool.authority.certify(join(pool.dir, 'nodes', 'node-a'), 'node-a')
    await pool.authority.certify(pool.dataDir, 'storage-1', { serverDays: renewal === 0 ? SERVER_DAYS : 1 })
    const writing = diary.write()
    await serve()
    await writing
  }
  // What the daemon was started with is over: growing cuts the client, which finds the same daemon with what is valid now.
  await sleep(Math.max(0, firstEnds - Date.now()))
  await make(2)
  await diary.write()

  const pid = (await pool.pidOf('v1'))!
  process.kill(pid, 'SIGKILL')
  const afterCrash = diary.write()
  await waitForExit(join(pool.runDir, 'volumes', 'v1.pid'), 5_000, signal())
  expect(await serve()).toEqual(connection)
  await afterCrash

  // Away for longer than requests wait: each fails (the hypervisor pauses the machine and does them again), until it is back.
  await driver.unexport('v1', signal())
  expect(await client.run('write -P 99 900M 64k')).toMatch(/failed/)
  expect(await serve()).toEqual(connection)
  let wrote = ''
  for (let turn = 0; turn < 40 && !wrote.includes('wrote'); turn++) {
    await sleep(250)
    wrote = await client.run('write -P 99 900M 64k')
  }
  expect(wrote).toContain('wrote 65536')
  await diary.write()
  await diary.check()
})

test('a machine of version 0.1.0 keeps its volume over the upgrade, until it lets go of it', async () => {
  await make(1)
  const connection = await serve()
  await driver.unexport('v1', signal())
  // As 0.1.0 had it: one certificate of the node for everything, under all of QEMU's names.
  const former = clientTlsDir(pool.dataDir)
  const [server, formerClient] = [former, join(pool.dir, 'former-client')]
  await layOut01(server, join(pool.dataDir, 'pki'))
  await layOut01(formerClient, join(pool.dir, 'nodes', 'node-a', 'pki'))
  const files = { pidFile: join(pool.runDir, 'volumes', 'v1.pid'), qmpSocket: join(pool.runDir, 'volumes', 'v1.qmp') }
  const tls = { dir: server, fingerprint: '0'.repeat(64) }
  const settings = { id: 'v1', path: join(pool.poolPath, 'v1.raw'), format: 'raw' as const, address: '127.0.0.1' }
  const list = { ...authorization([]), rules: [{ match: 'CN=node-a', policy: 'allow', format: 'exact' }] }
  const argv = ['--object', JSON.stringify(list), ...daemonArguments({ ...settings, port: pool.port, tls, ...files })]
  await exec([pool.programs['qemu-storage-daemon'], ...argv], { timeoutMs: 10_000 })
  const pid = await pool.pidOf('v1')
  await using old = await open(connection, formerClient, 30)
  const diary = new Diary(old)
  await diary.write()

  await pool.authority.certify(pool.dataDir, 'storage-1')
  driver = pool.createDriver()
  expect(await serve()).toEqual(connection)
  expect(await pool.pidOf('v1')).toBe(pid)
  await diary.write()
  // Nor does a crash end it, and the machine may be started anew meanwhile.
  process.kill(pid!, 'SIGKILL')
  await waitForExit(files.pidFile, 5_000, signal())
  await serve()
  await diary.write()
  {
    await using restarted = await open(connection, holder.tlsDir, 0)
    expect(await restarted.run('read -P 1 16M 64k')).toMatch(/^read 65536/)
  }
  await diary.check()

  await driver.unexport('v1', signal())
  await serve()
  await expect(open(connection, formerClient, 0)).rejects.toThrow(/TLS|certificate/i)
  await using now = await open(connection, holder.tlsDir, 0)
  expect(await now.run('length')).toContain('1 GiB')
})

async function layOut01(dir: string, pki: string): Promise<void> {
  await rm(dir, { recursive: true, force: true })
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const links = { 'ca-cert': 'ca.crt', 'server-cert': 'node.crt', 'server-key': 'node.key' }
  const client = { 'client-cert': 'node.crt', 'client-key': 'node.key' }
  for (const [name, file] of Object.entries({ ...links, ...client }))
    await symlink(join(pki, file), join(dir, `${name}.pem`))
}
