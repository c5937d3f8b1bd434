// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { exec } from '../../../../lib/exec.ts'
import { makeMemoryFolder } from '../../../../lib/memory-folder.ts'
import { writeConfigDrive } from './config-drive.ts'

const signal = new AbortController().signal
let dir: string
let path: string
let scratch: string
/** What the tools were told, and what there was to copy then. */
let told: string[]
beforeEach(async () => {
  dir = await makeMemoryFolder('nephele-config-')
  ;[path, scratch, told] = [join(dir, 'drive'), join(dir, 'scratch'), []]
})
afterEach(() => rm(dir, { recursive: true }))

/** A file system of two FATs of three sectors behind four reserved ones, whose root directory begins with such an entry. */
const mtools = (attributes: number) =>
  (async (argv: string[]) => {
    const [program, , image] = argv as [string, string, string]
    if (program === 'mcopy') {
      const tops = argv.slice(argv.indexOf('--') + 1, -1)
      told.push(`mcopy ${tops.map((top) => basename(top)).join(' ')} ${argv.at(-1)}`)
      if (existsSync(join(scratch, 'openstack/latest/of-a-killed-agent'))) told.push('another’s file')
      told.push(await readFile(join(scratch, 'openstack/latest/user_data'), 'utf8'))
      told.push(`label ${(await readFile(image)).toString('latin1', 5120, 5131)}`)
      return
    }
    const { size, mode } = await stat(image)
    told.push(`mformat ${argv[4]} of ${size / 512} ${(mode & 0o777).toString(8)} ${argv.at(-2)} ${argv.at(-1)}`)
    const disk = await readFile(image)
    disk.writeUInt16LE(512, 11)
    disk.writeUInt16LE(4, 14)
    disk.writeUInt8(2, 16)
    disk.writeUInt16LE(3, 22)
    disk.write('CONFIG-2   ', 5120, 'latin1')
    disk.writeUInt8(attributes, 5131)
    await writeFile(image, disk)
  }) as unknown as typeof exec
const files = [
  { path: 'openstack/latest/user_data', content: 'secret' },
  { path: 'openstack/latest/meta_data.json', content: Buffer.from('{}') },
  { path: 'ec2/latest/meta-data.json', content: '{}' },
]
const write = (of = files as { path: string; content: string | Buffer }[], attributes = 0x08) =>
  writeConfigDrive(path, scratch, of, mtools(attributes), signal)

test('is formatted, labelled as cloud-init looks for it, and then filled; nobody else may read it, nothing is left', async () => {
  await mkdir(join(scratch, 'openstack/latest'), { recursive: true })
  await writeFile(join(scratch, 'openstack/latest/of-a-killed-agent'), 'x')
  await writeFile(path, 'of a killed agent')
  await write()
  // 1 MiB, and 8 KiB with its bytes for each file.
  expect(told).toEqual([
    ...['mformat 2112 of 2112 600 config-2 ::', 'mcopy openstack ec2 ::/', 'secret', 'label config-2   '],
  ])
  expect(existsSync(scratch)).toBe(false)
})

test('large files make it larger', async () => {
  await write([{ path: 'openstack/latest/user_data', content: 'x'.repeat(65_536) }])
  expect(told[0]).toBe('mformat 2240 of 2240 600 config-2 ::')
})

test('without files it is empty', async () => {
  await write([])
  expect(told).toHaveLength(1)
})

test.each(['../outside', 'a/../../outside', '/etc/passwd'])('a file %s does not leave it', async (outside) => {
  await expect(write([{ path: outside, content: 'x' }])).rejects.toThrow('outside the drive')
  expect([existsSync(scratch), existsSync(join(dir, 'outside')), told]).toEqual([false, false, []])
})

test('a file system that does not begin with a label is none', async () => {
  await expect(write(files, 0x10)).rejects.toThrow('is not its label')
  expect(existsSync(scratch)).toBe(false)
})
