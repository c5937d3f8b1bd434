// SPDX-License-Identifier: Apache-2.0
import {
  access,
  appendFile,
  chmod,
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { exec } from '../../../../lib/exec.ts'
import { createFilePool, type FilePool } from '../../testing/file-pool.ts'
import { openNbd, type NbdClient, type NbdConnection } from '../../testing/nbd-client.ts'
import { volumeDriverContract } from '../contract-suite.ts'
import type { FileVolumeDriver } from './file-volume-driver.ts'

jest.setTimeout(20_000)
const signal = () => AbortSignal.timeout(15_000)

describe('the file driver keeps the contract', () => {
  volumeDriverContract(async () => {
    const pool = await createFilePool()
    return {
      driver: pool.createDriver(),
      loseData: (id) => rm(join(pool.poolPath, `${id}.raw`)),
      [Symbol.asyncDispose]: async () => pool[Symbol.asyncDispose](),
    }
  })
})

describe('a volume of the file driver', () => {
  let pool: FilePool
  let driver: FileVolumeDriver
  beforeEach(async () => {
    pool = await createFilePool()
    driver = pool.createDriver()
  })
  afterEach(async () => {
    await pool[Symbol.asyncDispose]()
  })

  test('a pool that wants its own file system makes nothing before it is mounted, and nothing once it is gone', async () => {
    let mounts = '36 35 98:0 / / rw - ext4 /dev/sda rw\n'
    const isThere = async () =>
      access(pool.poolPath).then(
        () => true,
        () => false,
      )
    await rm(pool.poolPath, { recursive: true, force: true })
    const careful = pool.createDriver({ requiresMount: () => true, readMounts: async () => mounts })
    const first = () => careful.ensure({ id: 'v1', sizeGiB: 1, format: 'raw' }, signal())
    const unavailable = { reason: 'PoolUnavailable' }
    await expect(first()).rejects.toMatchObject(unavailable)
    expect(await isThere()).toBe(false)
    await mkdir(pool.poolPath, { recursive: true, mode: 0o700 })
    await expect(first()).rejects.toMatchObject({ ...unavailable, message: expect.stringContaining('requireMount') })
    await expect(careful.stats()).rejects.toMatchObject(unavailable)
    expect(await readdir(pool.poolPath)).toEqual([])
    mounts += `40 36 8:16 / ${pool.poolPath} rw - ext4 /dev/sdb rw\n`
    expect(await first()).toMatchObject({ id: 'v1' })
    mounts = mounts.split('\n')[0]!
    await expect(careful.ensure({ id: 'v2', sizeGiB: 1, format: 'raw' }, signal())).rejects.toMatchObject(unavailable)
    // Asked for no longer: known by its mark.
    expect(await pool.createDriver().ensure({ id: 'v2', sizeGiB: 1, format: 'raw' }, signal())).toMatchObject({
      id: 'v2',
    })
  })

  const make = async (format: 'raw' | 'qcow2', sizeGiB = 1, id = 'v1') => {
    await driver.ensure({ id, sizeGiB, format }, signal())
    return driver.grow(id, sizeGiB, signal())
  }
  const holdersOf = (nodes: string[]) =>
    Promise.all(nodes.map(async (node) => ({ node, key: (await pool.holder(node)).key })))
  const serve = async (nodes: string[], id = 'v1') =>
    (await driver.export(id, await holdersOf(nodes), signal())) as NbdConnection
  const connect = async (
    connection: NbdConnection,
    node: string | undefined,
    reconnectDelaySeconds = 0,
  ): Promise<NbdClient> =>
    openNbd({
      qemuIo: pool.programs['qemu-io'],
      connection,
      reconnectDelaySeconds,
      ...(node === undefined ? {} : { tlsDir: (await pool.holder(node)).tlsDir }),
    })

  test('a kill between the two names of a whole file leaves a volume, and a second name of another hand is refused', async () => {
    await make('raw')
    const file = join(pool.poolPath, 'v1.raw')
    await link(file, `${file}.new`)
    expect(await make('raw', 2)).toMatchObject({ id: 'v1', sizeBytes: 2 * 2 ** 30 })
    expect((await lstat(file)).nlink).toBe(1)
    await expect(lstat(`${file}.new`)).rejects.toMatchObject({ code: 'ENOENT' })
    await link(file, join(pool.poolPath, 'other'))
    await expect(make('raw', 2)).rejects.toMatchObject({ reason: 'VolumeUnsafe' })
  })

  test('takes no room before it is written to', async () => {
    for (const format of ['raw', 'qcow2'] as const) {
      await make(format, 8, `v-${format}`)
      expect((await stat(join(pool.poolPath, `v-${format}.${format}`))).blocks * 512).toBeLessThan(1024 * 1024)
    }
    expect((await lstat(pool.poolPath)).mode & 0o777).toBe(0o700)
  })

  describe('lets in', () => {
    test('the nodes it is exported to, and what they write is there', async () => {
      await make('raw')
      const connection = await serve(['node-a', 'node-b'])
      expect(connection).toEqual({
        protocol: 'nbd',
        host: '127.0.0.1',
        port: pool.port,
        exportName: 'v1',
        tls: true,
        tlsHostname: 'storage-1',
      })
      await using a = await connect(connection, 'node-a')
      expect(await a.run('write -P 7 1M 2M')).toContain('wrote 2097152/2097152')
      await using b = await connect(connection, 'node-b')
      expect(await b.run('read -P 7 1M 2M')).not.toContain('verification failed')
    })

    test('nobody without a certificate, of another authority, or of a node that is not named', async () => {
      await make('raw')
      const connection = await serve(['node-a'])
      await expect(connect(connection, undefined)).rejects.toThrow('TLS')
      await expect(connect(connection, 'node-b')).rejects.toThrow(/TLS/)
      await using foreign = await createFilePool()
      const { tlsDir } = await foreign.holder('node-a')
      await expect(openNbd({ qemuIo: pool.programs['qemu-io'], connection, tlsDir })).rejects.toThrow(/TLS|certificate/)
      await using a = await connect(connection, 'node-a')
      expect(await a.run('length')).toContain('1 GiB')
    })

    test('nobody any more who was taken off the list, at once; the others go on', async () => {
      await make('raw')
      const connection = await serve(['node-a', 'node-b'])
      const pid = await pool.pidOf('v1')
      await using a = await connect(connection, 'node-a')
      await using b = await connect(connection, 'node-b', 30)
      await serve(['node-b'])
      expect(await a.run('write -P 9 0 64k')).toMatch(/failed/)
      expect(await b.run('write -P 5 0 64k')).toContain('wrote 65536')
      expect(await b.run('read -P 5 0 64k')).not.toContain('verification failed')
      await expect(connect(connection, 'node-a')).rejects.toThrow(/TLS/)
      expect(await pool.pidOf('v1')).toBe(pid)
    })
  })

  describe.each(['raw', 'qcow2'] as const)('%s, when its daemon is killed', (format) => {
    test('loses nothing that was acknowledged; the client goes on over the same port', async () => {
      await make(format)
      const connection = await serve(['node-a'])
      const before = await pool.pidOf('v1')
      const lost = new Promise<string>((resolve) => driver.watch(resolve, signal()))
      await using client = await connect(connection, 'node-a', 60)
      // Scattered over many tables, never flushed by the client.
      for (let i = 0; i < 24; i++) expect(await client.run(`write -P ${i + 1} ${i * 37}M 256k`)).toContain('wrote')
      process.kill(before!, 'SIGKILL')
      const writing = client.run('write -P 200 1000M 1M')
      expect(await lost).toBe('v1')
      expect(await serve(['node-a'])).toEqual(connection)
      expect(await writing).toContain('wrote 1048576/1048576')
      expect(await pool.pidOf('v1')).not.toBe(before)
      for (let i = 0; i < 24; i++) expect(await client.run(`read -P ${i + 1} ${i * 37}M 256k`)).toMatch(/^read 262144/)
      expect(await client.run('read -P 200 1000M 1M')).toMatch(/^read 1048576/)
      await driver.unexport('v1', signal())
      if (format === 'qcow2')
        await exec([pool.programs['qemu-img'], 'check', '-q', join(pool.poolPath, 'v1.qcow2')], { timeoutMs: 30_000 })
    })

    test('grows while a client has it open, who finds the new size and every byte', async () => {
      await make(format)
      const connection = await serve(['node-a'])
      const pid = await pool.pidOf('v1')
      await using client = await connect(connection, 'node-a', 60)
      await client.run('write -P 3 1000M 1M')
      await make(format, 2)
      expect(await client.run('read -P 3 1000M 1M')).toMatch(/^read/)
      // As the hypervisor is told to: it takes the size that it learned when it reconnected.
      await client.run('truncate 2G')
      expect(await client.run('length')).toContain('2 GiB')
      expect(await client.run('write -P 4 1500M 1M')).toContain('wrote')
      expect(await client.run('read -P 4 1500M 1M')).toMatch(/^read/)
      expect(await pool.pidOf('v1')).toBe(pid)
    })
  })

  test('an agent that starts anew finds the daemon, leaves it alone, and ends it', async () => {
    await make('raw')
    const connection = await serve(['node-a'])
    const pid = await pool.pidOf('v1')
    await using client = await connect(connection, 'node-a')
    driver = pool.createDriver()
    await expect(driver.remove('v1', signal())).rejects.toMatchObject({ reason: 'VolumeInUse' })
    expect(await serve(['node-a'])).toEqual(connection)
    expect(await pool.pidOf('v1')).toBe(pid)
    expect(await client.run('write -P 1 0 64k')).toContain('wrote')
    await driver.unexport('v1', signal())
    expect(await pool.pidOf('v1')).toBeUndefined()
    await driver.remove('v1', signal())
    expect(await driver.list()).toEqual([])
  })

  test('a renewed certificate is taken up by the same daemon; clients go on with what they hold', async () => {
    await make('raw')
    const connection = await serve(['node-a'])
    await using client = await connect(connection, 'node-a', 60)
    await client.run('write -P 1 0 64k')
    const pid = await pool.pidOf('v1')
    for (let renewal = 1; renewal <= 2; renewal++) {
      await pool.authority.certify(pool.dataDir, 'storage-1')
      const writing = client.run(`write -P ${renewal} 1M 64k`)
      expect(await serve(['node-a'])).toEqual(connection)
      expect(await writing).toContain('wrote 65536')
      expect(await pool.pidOf('v1')).toBe(pid)
      expect(await client.run(`read -P ${renewal} 1M 64k`)).toMatch(/^read/)
    }
    // And who comes now is shown the new one.
    await using other = await connect(connection, 'node-a')
    expect(await other.run('read -P 1 0 64k')).toMatch(/^read/)
  })

  test('what a node held before it was set up anew opens nothing, though its name is on the list', async () => {
    await make('raw')
    const stolen = await pool.authority.certify(join(pool.dir, 'stolen'), 'node-a')
    const connection = await serve(['node-a'])
    const old = { qemuIo: pool.programs['qemu-io'], connection, tlsDir: stolen.tlsDir }
    await expect(openNbd(old)).rejects.toThrow(/TLS/)
    await using now = await connect(connection, 'node-a')
    expect(await now.run('length')).toContain('1 GiB')
    await expect(driver.export('v1', [{ node: 'node-a', key: undefined }], signal())).rejects.toMatchObject({
      reason: 'HolderKeyMissing',
    })
  })

  test('without a certificate nothing is served', async () => {
    await make('raw')
    await rm(join(pool.dataDir, 'pki/nbd/server/server-cert.pem'))
    await expect(serve(['node-a'])).rejects.toMatchObject({ reason: 'NodeCertificateMissing' })
  })

  test('two volumes have two daemons and two ports', async () => {
    await Promise.all([make('raw', 1, 'v1'), make('raw', 1, 'v2')])
    const [a, b] = await Promise.all([serve(['node-a'], 'v1'), serve(['node-a'], 'v2')])
    expect(a.port).not.toBe(b.port)
    expect(await pool.pidOf('v1')).not.toBe(await pool.pidOf('v2'))
  })

  describe('what lies in the pool', () => {
    beforeEach(() => driver.stats())
    const place = (name = 'v1.raw') => join(pool.poolPath, name)

    test('a link in the volume’s place is not followed, nor what it leads to deleted', async () => {
      const victim = join(pool.dir, 'victim')
      await writeFile(victim, 'precious')
      await symlink(victim, place())
      await expect(make('raw')).rejects.toMatchObject({ reason: 'VolumeUnsafe' })
      await expect(serve(['node-a'])).rejects.toMatchObject({ reason: 'VolumeUnsafe' })
      await driver.remove('v1', signal())
      expect(await readFile(victim, 'utf8')).toBe('precious')
      await expect(lstat(place())).rejects.toThrow('ENOENT')
    })

    test('a link to nowhere makes no file there', async () => {
      await symlink(join(pool.dir, 'made-by-mistake'), place())
      await expect(make('raw')).rejects.toMatchObject({ reason: 'VolumeUnsafe' })
      await symlink(join(pool.dir, 'made-by-mistake'), place('v2.qcow2.new'))
      await make('qcow2', 1, 'v2')
      await expect(access(join(pool.dir, 'made-by-mistake'))).rejects.toThrow('ENOENT')
    })

    test('a second name of another file is refused', async () => {
      await writeFile(join(pool.dir, 'other'), '')
      await link(join(pool.dir, 'other'), place())
      await expect(make('raw')).rejects.toMatchObject({ reason: 'VolumeUnsafe' })
    })

    test('a qcow2 file that refers to another is refused', async () => {
      await exec(
        [
          pool.programs['qemu-img'],
          'create',
          '-q',
          '-f',
          'qcow2',
          '-u',
          '-b',
          '/etc/passwd',
          '-F',
          'raw',
          place('v1.qcow2'),
          '1G',
        ],
        {
          timeoutMs: 30_000,
        },
      )
      await expect(make('qcow2')).rejects.toMatchObject({ reason: 'VolumeUnsafe' })
    })

    test('a guest that writes a qcow2 header on its raw disk gets a raw disk again', async () => {
      await make('raw')
      const header = join(pool.dir, 'header.qcow2')
      await exec(
        [
          pool.programs['qemu-img'],
          'create',
          '-q',
          '-f',
          'qcow2',
          '-u',
          '-b',
          '/etc/passwd',
          '-F',
          'raw',
          header,
          '64M',
        ],
        {
          timeoutMs: 30_000,
        },
      )
      const connection = await serve(['node-a'])
      {
        await using client = await connect(connection, 'node-a')
        await client.run(`write -s ${header} 0 64k`)
      }
      await driver.unexport('v1', signal())
      await serve(['node-a'])
      await using client = await connect(connection, 'node-a')
      expect(await client.run('length')).toContain('1 GiB')
      expect(await client.run('read -v 0 4')).toContain('51 46 49 fb')
    })

    test('an empty mount point is no pool: nothing is made below it, or taken for deleted', async () => {
      const disk = join(pool.dir, 'disk')
      await mkdir(disk, { mode: 0o700 })
      await using mounted = await mount(['--bind', disk, pool.poolPath])
      await make('raw')
      await mounted.unmount()
      for (const attempt of [make('raw'), make('raw', 1, 'v2'), driver.remove('v1', signal()), driver.stats()])
        await expect(attempt).rejects.toMatchObject({ reason: 'PoolUnavailable' })
      expect(await readdir(pool.poolPath)).toEqual([])
      // Nor when the agent starts anew, or the last volume was removed while the disk was there.
      driver = pool.createDriver()
      await expect(make('raw', 1, 'v2')).rejects.toMatchObject({ reason: 'PoolUnavailable' })
      await using again = await mount(['--bind', disk, pool.poolPath])
      await make('raw')
      await driver.remove('v1', signal())
      await again.unmount()
      await expect(make('raw', 1, 'v2')).rejects.toMatchObject({ reason: 'PoolUnavailable' })
      expect(await readdir(pool.poolPath)).toEqual([])
    })

    test('a disk that is mounted before the first volume is the pool, whatever was looked at before', async () => {
      await driver.stats()
      const disk = join(pool.dir, 'disk')
      await mkdir(disk, { mode: 0o700 })
      await using mounted = await mount(['--bind', disk, pool.poolPath])
      await make('raw')
      expect(await readdir(disk)).toContain('v1.raw')
      await mounted.unmount()
    })

    test('on a full disk nothing is made, and what is there is deleted', async () => {
      await using mounted = await mount(['-t', 'tmpfs', '-o', 'size=256k,mode=700', 'tmpfs', pool.poolPath])
      await make('raw')
      // The agent's own records too: the next write of either fails.
      const records = join(pool.dataDir, 'volume-records')
      const record = await readFile(join(records, 'v1.json'))
      await using state = await mount(['-t', 'tmpfs', '-o', 'size=64k,mode=700', 'tmpfs', records])
      await writeFile(join(records, 'v1.json'), record)
      for (const folder of [pool.poolPath, records]) await fill(join(folder, 'filler'))
      driver = pool.createDriver()
      await expect(make('qcow2', 1, 'v2')).rejects.toThrow()
      await driver.unexport('v1', signal())
      await driver.remove('v1', signal())
      expect(await driver.list()).toEqual([])
      await rm(join(pool.poolPath, 'filler'))
      await expect(access(place())).rejects.toThrow('ENOENT')
      await state.unmount()
      await mounted.unmount()
    })

    test('a folder that others can write to is no pool; one that is gone is not made anew', async () => {
      await make('raw')
      await chmod(pool.poolPath, 0o777)
      await expect(make('raw')).rejects.toMatchObject({ reason: 'PoolUnsafe' })
      await rm(pool.poolPath, { recursive: true })
      await expect(driver.stats()).rejects.toMatchObject({ reason: 'PoolUnavailable' })
      await expect(make('raw')).rejects.toMatchObject({ reason: 'PoolUnavailable' })
    })
  })
})

async function mount(args: string[]): Promise<AsyncDisposable & { unmount(): Promise<void> }> {
  const target = args.at(-1) ?? ''
  await exec(['mount', ...args], { timeoutMs: 5_000 })
  let isMounted = true
  const unmount = async (): Promise<void> => {
    if (isMounted) await exec(['umount', target], { timeoutMs: 5_000 })
    isMounted = false
  }
  return { unmount, [Symbol.asyncDispose]: unmount }
}

async function fill(path: string): Promise<void> {
  const block = Buffer.alloc(4096)
  for (;;) {
    try {
      await appendFile(path, block)
    } catch (error) {
      expect(String(error)).toContain('ENOSPC')
      return
    }
  }
}
