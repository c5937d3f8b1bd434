// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { recordDurableSteps } from '../../../../lib/durable-files.ts'
import type { exec } from '../../../../lib/exec.ts'
import { makeMemoryFolder } from '../../../../lib/memory-folder.ts'
import { instanceWant } from '../testing.ts'
import type { InstanceWant } from '../../instance-driver.ts'
import { diskPaths, type DiskPaths } from './disk-paths.ts'
import { ensureDisks, makeDisks, removeDisks, removeOtherDisks } from './disks.ts'

test('a disk is on the disk before it has its name: a power cut leaves no empty one', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'nephele-disks-'))
  const { steps, stop } = recordDurableSteps()
  try {
    const qemuImg = (async (argv: readonly string[]) => {
      await writeFile(argv.at(-2) ?? '', 'made')
    }) as unknown as typeof exec
    const root = join(dir, 'disk')
    const want = { root: { format: 'raw', sizeBytes: 5 }, ephemeralGiB: 0, swapMiB: 0 } as unknown as InstanceWant
    const at = {
      dir,
      root,
      base: '/base',
      swap: join(dir, 'swap'),
      configDrive: join(dir, 'config'),
    } as unknown as DiskPaths
    await ensureDisks(want, at, false, qemuImg, AbortSignal.timeout(5000))
    expect(steps).toEqual([
      { step: 'sync', path: root },
      { step: 'rename', path: root },
      { step: 'syncFolder', path: dir },
    ])
  } finally {
    stop()
    await rm(dir, { recursive: true })
  }
})

describe('the disks of a machine', () => {
  const signal = new AbortController().signal
  const GIB = 2 ** 30
  let dir: string
  let at: DiskPaths
  /** What qemu-img was asked, by the name of the file. */
  let asked: string[]
  beforeEach(async () => {
    dir = await makeMemoryFolder('nephele-disks-')
    at = diskPaths({ dataDir: dir, runDir: dir }, { uid: 'u', root: { sha256: '0'.repeat(64) } })
    asked = []
  })
  afterEach(() => rm(dir, { recursive: true }))

  /** Sizes are all that it knows of qcow2; of a FAT file system, that there is a label. */
  const tools = (async ([program, ...argv]: string[]) => {
    if (program === 'mformat') {
      const boot = Buffer.alloc(2048)
      boot.writeUInt16LE(512, 11)
      boot.writeUInt16LE(1, 14)
      boot.writeUInt8(1, 16)
      boot.writeUInt16LE(1, 22)
      boot.writeUInt8(0x08, 1024 + 11)
      await writeFile(argv[1]!, boot)
    }
    if (program !== 'qemu-img') return
    const [path, size] = argv.slice(-2) as [string, string]
    asked.push(`${argv[0]} ${path.slice(at.dir.length + 1).replace(/[0-9a-f-]{36}/, 'own')} ${Number(size) / GIB}`)
    const header = Buffer.alloc(32)
    header.writeUInt32BE(0x514649fb, 0)
    header.writeBigUInt64BE(BigInt(size), 24)
    await writeFile(path, header)
  }) as unknown as typeof exec
  const machine = (more: Partial<InstanceWant> = {}, gib = 1) =>
    instanceWant({ uid: 'u', root: { sha256: '0'.repeat(64), format: 'raw', sizeBytes: gib * GIB }, ...more })
  const ensure = (want: InstanceWant, isDefined = false) => ensureDisks(want, at, isDefined, tools, signal)
  const config = [{ path: 'a/b', content: 'x' }]

  test('are made once, beside their place; then they grow, and never shrink', async () => {
    await ensure(machine({ ephemeralGiB: 2 }))
    expect(asked.splice(0)).toEqual(['create root.qcow2.own.new 1', 'create ephemeral.qcow2.own.new 2'])
    expect((await stat(at.root)).mode & 0o777).toBe(0o600)
    await ensure(machine({ ephemeralGiB: 2 }), true)
    expect(asked.splice(0)).toEqual([])
    await ensure(machine({ ephemeralGiB: 3 }, 2), true)
    expect(asked.splice(0)).toEqual(['resize root.qcow2 2', 'resize ephemeral.qcow2 3'])
    await ensure(machine({ ephemeralGiB: 1 }), true)
    expect(asked).toEqual([])
    expect([existsSync(at.swap), existsSync(at.configDrive)]).toEqual([false, false])
  })

  test('a disk that nobody has written to for long is kept as it is', async () => {
    await ensure(machine())
    const before = await stat(at.root)
    await utimes(at.root, 0, Date.now() / 1000 - 86_400)
    await ensure(machine())
    expect((await stat(at.root)).ino).toBe(before.ino)
  })

  test('what an agent that was killed left beside them is not taken for one, and goes when nobody can be at it', async () => {
    const names = ['root.qcow2.x.new', 'config.x.new', 'config.y.new']
    for (const name of names.slice(1)) await mkdir(join(at.dir, name), { recursive: true })
    await writeFile(join(at.dir, names[0]!), 'half')
    for (const name of names.slice(0, 2)) await utimes(join(at.dir, name), 0, Date.now() / 1000 - 601)
    await utimes(join(at.dir, names[2]!), 0, Date.now() / 1000 - 500)
    await ensure(machine())
    expect((await readdir(at.dir)).sort()).toEqual(['config.y.new', 'root.qcow2'])
    expect((await readFile(at.root)).readUInt32BE(0)).toBe(0x514649fb)
  })

  test('two that make them at once do not meet: the second takes what the first one made, in place of none', async () => {
    const both = Promise.withResolvers<undefined>()
    const made: string[] = []
    const slow = (text: string, until: Promise<unknown>) =>
      (async (argv: string[]) => {
        await writeFile(argv.at(-2)!, 'half', { flag: 'wx' })
        made.push(argv.at(-2)!)
        if (made.length === 2) both.resolve(undefined)
        await until
        await writeFile(argv.at(-2)!, text)
      }) as unknown as typeof exec
    const first = ensureDisks(machine(), at, false, slow('first', both.promise), signal)
    await Promise.all([first, ensureDisks(machine(), at, false, slow('second', first), signal)])
    expect(await readFile(at.root, 'utf8')).toBe('first')
    expect(await readdir(at.dir)).toEqual(['root.qcow2'])
  })

  test('one that cannot be made leaves nothing', async () => {
    const failing = (async (argv: string[]) => {
      await writeFile(argv.at(-2)!, 'half')
      throw new Error('no room')
    }) as unknown as typeof exec
    await expect(ensureDisks(machine(), at, false, failing, signal)).rejects.toThrow('no room')
    expect(await readdir(at.dir)).toEqual([])
  })

  test('swap is as long as is wanted, and an area that mkswap would make; of another size it is made anew', async () => {
    await ensure(machine({ swapMiB: 2 }))
    const swap = await readFile(at.swap)
    const [version, last] = [swap.readUInt32LE(1024), swap.readUInt32LE(1028)]
    expect([swap.length, version, last, swap.toString('latin1', 4086, 4096)]).toEqual([2 ** 21, 1, 511, 'SWAPSPACE2'])
    await writeFile(at.swap, Buffer.alloc(2 ** 21, 7))
    await ensure(machine({ swapMiB: 2 }), true)
    expect((await readFile(at.swap))[0]).toBe(7)
    await ensure(machine({ swapMiB: 1 }), true)
    expect((await readFile(at.swap)).length).toBe(2 ** 20)
    await ensure(machine(), true)
    expect(existsSync(at.swap)).toBe(false)
  })

  test('a config drive is made anew each time, whole or not at all, and goes when it is not wanted', async () => {
    await ensure(machine({ configDrive: config }))
    expect((await readFile(at.configDrive)).toString('latin1', 1024, 1035)).toBe('config-2   ')
    const failing = (() => Promise.reject(new Error('no room'))) as unknown as typeof exec
    const again = ensureDisks(machine({ configDrive: config }), at, true, failing, signal)
    await expect(again).rejects.toThrow('no room')
    expect((await readFile(at.configDrive)).length).toBe(2048)
    await ensure(machine(), true)
    expect(existsSync(at.configDrive)).toBe(false)
  })

  test('those of other numbers go, up to one; what is no disk, or made later, stays', async () => {
    await mkdir(at.dir, { recursive: true })
    const names = [
      'rescue.1.qcow2',
      'rescue.2.qcow2',
      'rescue.3.qcow2',
      'root.qcow2',
      'root.1.qcow2',
      'root.2.qcow2',
      'root.3.qcow2',
      'swap.1.raw',
      'swap.2.raw',
    ]
    const others = ['ephemeral.1.qcow2', 'ephemeral.2.qcow2', 'config.img', 'power.json', 'root.1.qcow2.x.new']
    for (const name of [...names, ...others]) await writeFile(join(at.dir, name), name)
    for (let time = 0; time < 2; time++)
      await removeOtherDisks({ dataDir: dir, runDir: dir }, 'u', { root: 2, ephemeral: 1 }, 2)
    const kept = [
      'config.img',
      'ephemeral.1.qcow2',
      'power.json',
      'rescue.3.qcow2',
      'root.1.qcow2.x.new',
      'root.2.qcow2',
      'root.3.qcow2',
    ]
    expect((await readdir(at.dir)).sort()).toEqual([...kept, 'swap.2.raw'])
    await removeOtherDisks({ dataDir: dir, runDir: dir }, 'u', { root: 3, ephemeral: 1, rescue: 3 }, 3)
    expect((await readdir(at.dir)).filter((name) => /^r/.test(name)).sort()).toEqual([
      ...['rescue.3.qcow2', 'root.1.qcow2.x.new', 'root.3.qcow2'],
    ])
    await rm(at.dir, { recursive: true })
    await removeOtherDisks({ dataDir: dir, runDir: dir }, 'u', { root: 2, ephemeral: 1 }, 2)
  })

  test('an empty one is not made in place of a lost one, nor beside another that the machine was rebuilt with', async () => {
    const missing = { reason: 'RootDiskMissing' }
    await expect(ensure(machine(), true)).rejects.toMatchObject(missing)
    await mkdir(at.dir, { recursive: true })
    await writeFile(join(at.dir, 'root.3.qcow2'), 'written to')
    await expect(ensure(machine())).rejects.toMatchObject(missing)
    expect(await readdir(at.dir)).toEqual(['root.3.qcow2'])
    await makeDisks(machine(), at, tools, signal)
    await ensure(machine())
    expect((await readdir(at.dir)).sort()).toEqual(['root.3.qcow2', 'root.qcow2'])
  })

  test('a rescue disk is one more, on its own image, and what was written to it is kept', async () => {
    const rescue = { number: 4, sha256: '1'.repeat(64), format: 'raw' as const, sizeBytes: 7 }
    const want = machine({ rescue })
    const paths = diskPaths({ dataDir: dir, runDir: dir }, want)
    const argvs: (readonly string[])[] = []
    const recording: typeof exec = (argv, options) => {
      argvs.push(argv)
      return tools(argv, options)
    }
    await ensureDisks(want, paths, false, recording, signal)
    expect((await readdir(at.dir)).sort()).toEqual(['rescue.4.qcow2', 'root.qcow2'])
    const made = argvs.find((argv) => argv.includes(paths.rescue!.base))
    expect(made).toEqual(expect.arrayContaining(['-F', 'raw', '-b', `${dir}/images/_base/${rescue.sha256}`, '7']))
    await writeFile(paths.rescue!.path, 'written to')
    await ensureDisks(want, paths, true, tools, signal)
    expect(await readFile(paths.rescue!.path, 'utf8')).toBe('written to')
  })

  test('one on another image than is said is not touched', async () => {
    await mkdir(at.dir, { recursive: true })
    const onBase = (base: string) => {
      const header = Buffer.alloc(200)
      header.writeUInt32BE(0x514649fb, 0)
      header.writeBigUInt64BE(104n, 8)
      header.writeUInt32BE(base.length, 16)
      header.write(base, 104)
      return header
    }
    const other = '1'.repeat(64)
    await writeFile(at.root, onBase(`/base/${other}`))
    const refused = { reason: 'RootDiskOfOtherImage', message: expect.stringContaining(other) as unknown }
    await expect(ensure(machine({}, 9), true)).rejects.toMatchObject(refused)
    expect(asked).toEqual([])
    await writeFile(at.root, onBase(`/moved/${'0'.repeat(64)}`))
    await ensure(machine(), true)
  })

  test('go with all else in their folder; absent is success', async () => {
    await ensure(machine())
    for (let i = 0; i < 2; i++) await removeDisks({ dataDir: dir, runDir: dir }, 'u')
    expect(existsSync(at.dir)).toBe(false)
  })
})
