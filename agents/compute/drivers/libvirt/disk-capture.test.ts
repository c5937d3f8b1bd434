// SPDX-License-Identifier: Apache-2.0
// What is asked of libvirt and qemu-img for a copy, in order, and what is left when something fails or an agent was killed.
import { existsSync } from 'node:fs'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { exec as Exec } from '../../../../lib/exec.ts'
import { ErrorCode, LibvirtError } from '../../../../lib/libvirt/error.ts'
import { JobType } from '../../../../lib/libvirt/constants.ts'
import { makeMemoryFolder } from '../../../../lib/memory-folder.ts'
import type { CaptureWant } from '../../instance-driver.ts'
import { instanceDir } from '../../paths.ts'
import { instanceWant } from '../testing.ts'
import { DiskCapture, type DiskCaptureOptions } from './disk-capture.ts'

const [UID, IMAGE] = ['aaaaaaaa-0000-4000-8000-000000000000', '99999999-0000-4000-8000-000000000000']
const BASE = '0'.repeat(64)
const ref = { name: 'x', uuid: Buffer.alloc(16), id: 1 }
let dataDir: string
let dir: string
let calls: string[]
let fails: Record<string, LibvirtError>
let power: 'running' | 'paused' | 'saved' | 'off'
let end: number
/** How long libvirt waits for an answer of the guest's agent: for ever at first. */
let waitsSeconds: number
let capture: DiskCapture

/** A qcow2 header of version 3, as long as is read of it. */
function header(backing = '', flags = 0n): Buffer {
  const bytes = Buffer.alloc(65_536 * 4)
  bytes.writeUInt32BE(0x514649fb, 0)
  bytes.writeUInt32BE(3, 4)
  if (backing !== '') {
    bytes.writeBigUInt64BE(512n, 8)
    bytes.writeUInt32BE(Buffer.byteLength(backing), 16)
    bytes.write(backing, 512)
  }
  bytes.writeUInt32BE(16, 20)
  bytes.writeBigUInt64BE(2n ** 20n, 24)
  bytes.writeUInt32BE(1, 36)
  bytes.writeBigUInt64BE(65_536n, 40)
  bytes.writeBigUInt64BE(131_072n, 48)
  bytes.writeUInt32BE(1, 56)
  bytes.writeBigUInt64BE(flags, 72)
  bytes.writeUInt32BE(4, 96)
  bytes.writeUInt32BE(104, 100)
  return bytes
}

beforeEach(async () => {
  dataDir = await makeMemoryFolder('nephele-capture-')
  dir = instanceDir({ dataDir, runDir: dataDir }, UID)
  await mkdir(dir, { recursive: true })
  calls = []
  fails = {}
  power = 'running'
  end = JobType.completed
  waitsSeconds = -2
  const call = async (name: string, args: { flags?: number; backup?: string; timeout?: number }) => {
    if (name === 'getXml')
      return { xml: `<domain><disk><source file="${dir}/root.qcow2"/><target dev="sda"/></disk></domain>` }
    if (name === 'getJobStats') return { type: args.flags === 1 ? end : JobType.none, params: [] }
    calls.push(name)
    if (name === 'backupBegin') {
      if (!fails['fsFreeze']) expect(existsSync(join(dir, 'frozen'))).toBe(calls.includes('fsFreeze'))
      expect(args.backup).toContain('name="sda"')
      await writeFile(/file="([^"]*)"/.exec(args.backup ?? '')?.[1] ?? '', 'raw')
    }
    const error = fails[name]
    if (error) throw error
    return {}
  }
  const callAgent = async (name: string, args: { timeout?: number }) => {
    if (name === 'agentSetResponseTimeout') waitsSeconds = args.timeout ?? 0
    else expect(waitsSeconds).toBeGreaterThan(0)
    return call(name, args)
  }
  const exec = (async (argv: string[]) => {
    calls.push(argv.slice(1, -1).join(' '))
    await writeFile(argv.at(-1) ?? '', header())
  }) as unknown as typeof Exec
  capture = new DiskCapture({
    connections: { orders: { call }, guest: { call }, agent: { call: callAgent } },
    finder: { find: async () => ({ ref, power }) },
    paths: { dataDir, runDir: dataDir },
    exec,
  } as unknown as DiskCaptureOptions)
})
afterEach(() => rm(dataDir, { recursive: true }))

const steps: string[] = []
const take = (quiesce: CaptureWant['quiesce'] = 'IfPossible', signal = AbortSignal.timeout(10_000)) => {
  steps.length = 0
  const want = instanceWant({ uid: UID, root: { sha256: BASE, format: 'raw', sizeBytes: 2 ** 20 } })
  const how = {
    ...{ onStep: (name: string) => void steps.push(name), onProgress: () => undefined },
    onDiskFree: () => void calls.push('free'),
  }
  return capture.take({ want, imageUid: IMAGE, quiesce, ...how }, signal)
}
const named = (pattern: RegExp) => calls.filter((call) => pattern.test(call))
const refused = (code: number, message = 'no') => new LibvirtError('x', { code, domain: 10, message })

test('frozen only around the beginning of the job, which writes raw; then a file that refers to nothing', async () => {
  const { path, virtualSizeBytes } = await take()
  expect(named(/^(fs|backup)/)).toEqual(['fsFreeze', 'backupBegin', 'fsThaw'])
  expect(calls.at(0)).toBe('free')
  expect(calls.at(-1)).toBe(`convert -q -O qcow2 -f raw -W ${path}.raw`)
  expect([steps, virtualSizeBytes]).toEqual([['Frozen', 'Thawed'], 2 ** 20])
  expect(await readdir(dir)).toEqual([`capture.${IMAGE}.qcow2`])
})

test('Never asks nothing of the guest', async () => {
  await take('Never')
  expect([named(/^fs|agent/), steps]).toEqual([[], []])
})

test.each([
  ['is begun without an agent where it may', 'IfPossible', true],
  ['is not where it must be quiet', 'Required', false],
] as const)('a copy %s; a guest that was asked is thawed all the same', async (_, quiesce, begins) => {
  fails = { fsFreeze: refused(ErrorCode.agentCommandTimeout) }
  const taken = take(quiesce)
  if (begins) await taken
  else await expect(taken).rejects.toMatchObject({ reason: 'GuestAgentTimeout' })
  expect([named(/^(fs|backup)/), existsSync(join(dir, 'frozen')), steps]).toEqual([
    begins ? ['fsFreeze', 'backupBegin', 'fsThaw'] : ['fsFreeze', 'fsThaw'],
    false,
    [],
  ])
})

test('libvirt waits for no answer of the guest for ever, and one whose time cannot be limited is asked nothing', async () => {
  await take()
  expect(waitsSeconds).toBeGreaterThan(0)
  fails = { agentSetResponseTimeout: refused(ErrorCode.internal) }
  calls = []
  await expect(take('Required')).rejects.toMatchObject({ reason: 'GuestRefused' })
  expect([named(/^(fs|backup)/), existsSync(join(dir, 'frozen'))]).toEqual([[], false])
  await writeFile(join(dir, 'frozen'), '')
  await expect(capture.drop(UID, AbortSignal.abort())).rejects.toMatchObject({ reason: 'GuestStillFrozen' })
  expect(named(/^fs/)).toEqual([])
})

test('a job that does not begin leaves the guest thawed', async () => {
  fails = { backupBegin: refused(ErrorCode.operationFailed) }
  await expect(take()).rejects.toMatchObject({ code: ErrorCode.operationFailed })
  expect([named(/^fs/), existsSync(join(dir, 'frozen'))]).toEqual([['fsFreeze', 'fsThaw'], false])
})

test('a job that ends without being whole is none, and is asked to end', async () => {
  end = JobType.failed
  await expect(take('Never')).rejects.toMatchObject({ reason: 'CopyFailed' })
  expect(named(/abort|convert/)).toEqual(['abortJob'])
})

test('one that is given up ends its job', async () => {
  const stop = new AbortController()
  const taken = take('Never', stop.signal)
  setTimeout(() => stop.abort(), 50)
  await expect(taken).rejects.toThrow()
  expect(named(/abort|convert/)).toEqual(['abortJob'])
})

test('what an agent left that was killed: the job ends, the guest is thawed, the files go; twice is once', async () => {
  await writeFile(join(dir, 'frozen'), '')
  await writeFile(join(dir, `capture.${IMAGE}.qcow2.raw`), '')
  await writeFile(join(dir, 'root.qcow2'), '')
  for (let time = 0; time < 2; time++) await capture.drop(UID, AbortSignal.timeout(10_000))
  expect([calls, await readdir(dir)]).toEqual([['agentSetResponseTimeout', 'fsThaw', 'abortJob'], ['root.qcow2']])
})

test('a guest that cannot be thawed keeps its mark, for the next run', async () => {
  fails = { fsThaw: refused(ErrorCode.agentCommandTimeout) }
  await writeFile(join(dir, 'frozen'), '')
  await expect(capture.drop(UID, AbortSignal.abort())).rejects.toMatchObject({ reason: 'GuestStillFrozen' })
  expect(existsSync(join(dir, 'frozen'))).toBe(true)
  power = 'off'
  fails = { fsThaw: refused(ErrorCode.operationInvalid) }
  await capture.drop(UID, AbortSignal.timeout(10_000))
  expect(existsSync(join(dir, 'frozen'))).toBe(false)
})

describe('nobody but a thaw that was answered, or a machine that is off, ends a freeze', () => {
  const { agentUnresponsive, agentUnsynced, operationInvalid, operationTimeout, noDomain } = ErrorCode
  const leave = async () => {
    await writeFile(join(dir, 'frozen'), '')
    await writeFile(join(dir, `capture.${IMAGE}.qcow2.raw`), '')
  }
  const drop = () => capture.drop(UID, AbortSignal.timeout(10_000))
  test.each([
    ['an agent that is not connected now', 'running', agentUnresponsive, 'QEMU guest agent is not connected'],
    ['an agent that went away meanwhile', 'running', agentUnresponsive, 'Guest agent disappeared while executing'],
    ['an agent that answers something else', 'running', agentUnsynced, 'no'],
    ['a QEMU that hangs', 'running', operationTimeout, 'no'],
    ['a machine that is paused', 'paused', operationInvalid, 'domain is not running'],
    ['a machine that is saved', 'saved', operationInvalid, 'domain is not running'],
  ] as const)('%s: tried again, and its copies go all the same', async (_, is, code, message) => {
    await leave()
    power = is
    fails = { fsThaw: refused(code, message) }
    await expect(drop()).rejects.toMatchObject({ reason: 'GuestStillFrozen' })
    expect(await readdir(dir)).toEqual(['frozen'])
    power = 'running'
    fails = {}
    await drop()
    expect(await readdir(dir)).toEqual([])
  })
  test('it is off, is not there any more, or is about to start', async () => {
    await leave()
    power = 'off'
    await drop()
    expect([calls, await readdir(dir)]).toEqual([[], []])
    await leave()
    power = 'running'
    fails = { fsThaw: refused(noDomain) }
    await drop()
    expect(await readdir(dir)).toEqual([])
    await leave()
    for (let time = 0; time < 2; time++) await capture.forgetFreeze(UID)
    expect(existsSync(join(dir, 'frozen'))).toBe(false)
  })
  test('one that was never asked is not frozen, unless it was before', async () => {
    fails = {
      fsFreeze: refused(agentUnresponsive, 'QEMU guest agent is not connected'),
      fsThaw: refused(agentUnresponsive, 'QEMU guest agent is not connected'),
    }
    await take()
    expect([named(/^(fs|backup)/), existsSync(join(dir, 'frozen'))]).toEqual([['fsFreeze', 'backupBegin'], false])
    await writeFile(join(dir, 'frozen'), '')
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 50)
    await expect(take('IfPossible', stop.signal)).rejects.toMatchObject({ reason: 'GuestStillFrozen' })
    expect(existsSync(join(dir, 'frozen'))).toBe(true)
  })
  test('what was left frozen is thawed before the next copy, whatever that asks for', async () => {
    await writeFile(join(dir, 'frozen'), '')
    await take('Never')
    expect([named(/^(fs|backup)/), existsSync(join(dir, 'frozen'))]).toEqual([['fsThaw', 'backupBegin'], false])
  })
  test('an agent that went away while it was asked is thawed once it is back', async () => {
    fails = { fsFreeze: refused(agentUnresponsive, 'Guest agent disappeared while executing command') }
    await take()
    expect(named(/^(fs|backup)/)).toEqual(['fsFreeze', 'backupBegin', 'fsThaw'])
  })
})

test('of a machine that is off each layer is said; what its header says is not followed', async () => {
  power = 'off'
  const base = join(dataDir, 'images', '_base', BASE)
  await writeFile(join(dir, 'root.qcow2'), header(base))
  await take()
  expect(calls.map((call) => call.split(' ')[0])).toEqual(['convert', 'free'])
  const [said] = named(/^convert/)
  expect(said).toBe(
    `convert -q -O qcow2 --image-opts driver=qcow2,file.driver=file,file.filename=${dir}/root.qcow2,backing.driver=raw,backing.file.driver=file,backing.file.filename=${base}`,
  )
  await writeFile(join(dir, 'root.qcow2'), header('/etc/shadow'))
  await expect(take()).rejects.toMatchObject({ reason: 'CopyFailed' })
  await writeFile(join(dir, 'root.qcow2'), header(base, 4n))
  await expect(take()).rejects.toThrow()
  expect(named(/^convert/)).toHaveLength(1)
})
