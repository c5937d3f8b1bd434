// SPDX-License-Identifier: Apache-2.0
// What libvirt answers, read into what the driver tells.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { TerminalError, TransientError } from '../../../../lib/errors.ts'
import { DomainState, MemoryStat, PausedReason, ShutoffReason } from '../../../../lib/libvirt/constants.ts'
import { LibvirtDisconnected } from '../../../../lib/libvirt/error.ts'
import { EventType, ShutdownDetail, type DomainEvent } from '../../../../lib/libvirt/events.ts'
import { makeMemoryFolder } from '../../../../lib/memory-folder.ts'
import { consoleDir, consoleLog, instancesDir, type ComputePaths } from '../../paths.ts'
import { listConsoleLogs, readConsoleLog, removeConsoleLog } from './console-log.ts'
import { readQcow2Size } from './disk-size.ts'
import { domainName, domainUuid, domainUuidBytes, uidOfDomainName } from './domain-name.ts'
import { findDomain, listMarked, readDomain, toBackendInstance } from './domains.ts'
import { explain, explained } from './explained.ts'
import { DOMAIN, fakeLibvirt, refuse } from './fake-client.ts'
import { listFound } from './listing.ts'
import { SaveRoom } from './save-room.ts'
import { ShutdownCauses } from './shutdown-causes.ts'
import { readHypervisorVersion, readStats } from './stats.ts'
import { growVolumes } from './volume-size.ts'

const signal = new AbortController().signal
const MARK = '<instance uid="u" epoch="3" namespace="team" name="vm"/>'
const timeout = (): Error => Object.assign(new Error('timed out'), { name: 'TimeoutError' })
let dir: string
let paths: ComputePaths
beforeEach(async () => {
  dir = await makeMemoryFolder('nephele-answers-')
  paths = { dataDir: dir, runDir: dir }
})
afterEach(() => rm(dir, { recursive: true }))

describe('who shut a machine down', () => {
  const lifecycle = (event: number, detail = 0, name = 'nephele-u'): DomainEvent => ({
    ...{ kind: 'lifecycle', domain: { ...DOMAIN, name }, event, detail },
  })
  const byHost = lifecycle(EventType.shutdown, ShutdownDetail.host)
  test.each<[string, DomainEvent[], string]>([
    ['nobody said', [], 'guest'],
    ['the host', [byHost], 'host'],
    ['the host, which then stopped', [byHost, lifecycle(EventType.stopped)], 'host'],
    ['the guest', [lifecycle(EventType.shutdown, ShutdownDetail.guest)], 'guest'],
    ['the guest, after the host once', [byHost, lifecycle(EventType.shutdown, ShutdownDetail.guest)], 'guest'],
    ['another since it started again', [byHost, lifecycle(EventType.started)], 'guest'],
    ['another since it was made anew', [byHost, lifecycle(EventType.undefined)], 'guest'],
    ['the host, of another machine', [lifecycle(EventType.shutdown, ShutdownDetail.host, 'nephele-w')], 'guest'],
    ['the host, of a domain that is not ours', [lifecycle(EventType.shutdown, ShutdownDetail.host, 'u')], 'guest'],
    [
      'nobody: an event of another kind with the host’s number',
      [lifecycle(EventType.stopped, ShutdownDetail.host)],
      'guest',
    ],
    ['nobody: a reboot', [{ kind: 'reboot', domain: DOMAIN }], 'guest'],
  ])('%s', (_, events, expected) => {
    const causes = new ShutdownCauses()
    for (const event of events) causes.take(event)
    expect(causes.refine('u', 'guest')).toBe(expected)
    // What libvirt knows better stands.
    expect([causes.refine('u', 'crashed'), causes.refine('u', undefined)]).toEqual(['crashed', undefined])
  })
})

describe('failures', () => {
  test.each<[string, unknown, string | undefined]>([
    ['a connection that is gone', new LibvirtDisconnected('gone'), 'HypervisorUnreachable'],
    ['a silence', timeout(), 'MachineUnresponsive'],
    ['a silence that libvirtd tells of', refuse('operationTimeout'), 'MachineUnresponsive'],
    ['a refusal', refuse('internal', '/var/lib/secret'), 'HypervisorRefused'],
    ['one that has its words', new TransientError('Own', 'own'), 'Own'],
    ['one for good', new TerminalError('Never', 'never'), 'Never'],
    ['anything else', new Error('x'), undefined],
  ])('%s', async (_, error, reason) => {
    const told = explain('starting the machine', error) as TransientError
    expect(told.reason).toBe(reason)
    expect(told.message).not.toContain('secret')
    if (reason === undefined || reason === 'Own' || reason === 'Never') expect(told).toBe(error)
    else expect([told.message.startsWith('starting the machine: '), told.cause]).toEqual([true, error])
    await expect(explained('x', signal, () => Promise.reject(error as Error))).rejects.toMatchObject(
      reason === undefined ? { message: 'x' } : { reason },
    )
  })

  test('of a run that was ended are its end', async () => {
    const end = AbortSignal.abort(new Error('ended'))
    await expect(explained('x', end, () => Promise.reject(refuse('internal')))).rejects.toThrow('ended')
    expect(await explained('x', end, async () => 7)).toBe(7)
  })
})

describe('a domain', () => {
  const states = (state: number, reason = 0, saved = 0) =>
    fakeLibvirt({
      getMetadata: () => ({ metadata: MARK }),
      getState: () => ({ state, reason }),
      hasManagedSave: () => ({ result: saved }),
    })
  const { running, blocked, paused, shutdown, shutoff, crashed, pmSuspended } = DomainState
  test.each<[string, number, number, number, object]>([
    ['running', running, 0, 0, { power: 'running', ioError: false }],
    ['blocked', blocked, 0, 0, { power: 'running' }],
    ['shutting down', shutdown, 0, 0, { power: 'running' }],
    ['paused', paused, 0, 0, { power: 'paused', ioError: false }],
    ['paused by a disk', paused, PausedReason.ioError, 0, { power: 'paused', ioError: true }],
    ['running, with the number of a disk’s failure', running, PausedReason.ioError, 0, { ioError: false }],
    ['asleep', pmSuspended, 0, 0, { power: 'sleeping' }],
    ['saved', shutoff, 0, 1, { power: 'saved', offReason: undefined }],
    ['off by its guest', shutoff, ShutoffReason.shutdown, 0, { power: 'off', offReason: 'guest' }],
    ['off by force', shutoff, ShutoffReason.destroyed, 0, { power: 'off', offReason: 'destroyed' }],
    ['off by a crash', shutoff, ShutoffReason.crashed, 0, { power: 'off', offReason: 'crashed' }],
    ['off for no reason', shutoff, 0, 0, { power: 'off', offReason: 'unknown' }],
    ['crashed', crashed, 0, 0, { power: 'off', offReason: 'crashed' }],
    // A save image beside a machine that runs says nothing.
    ['running, with a save image', running, 0, 1, { power: 'running' }],
  ])('that is %s', async (_, state, reason, saved, expected) => {
    expect(await readDomain(states(state, reason, saved).client, DOMAIN, signal)).toMatchObject({
      ...{ ref: DOMAIN, mark: { uid: 'u', epoch: 3, namespace: 'team', name: 'vm' } },
      ...expected,
    })
  })

  test.each(['noDomainMetadata', 'noDomain'] as const)('without a mark (%s) has none', async (code) => {
    const { client, answers } = states(running)
    answers['getMetadata'] = () => Promise.reject(refuse(code))
    expect((await readDomain(client, DOMAIN, signal)).mark).toBeUndefined()
    answers['getMetadata'] = () => Promise.reject(refuse('internal', 'broken'))
    await expect(readDomain(client, DOMAIN, signal)).rejects.toThrow('broken')
  })

  test('is found by its uuid, or is not there; a failure is neither', async () => {
    const { client, answers } = fakeLibvirt({ lookupByUuid: ({ uuid }) => ({ domain: { ...DOMAIN, uuid } }) })
    const uid = 'aaaaaaaa-0000-4000-8000-000000000001'
    expect((await findDomain(client, uid, signal))?.uuid).toEqual(Buffer.from(uid.replaceAll('-', ''), 'hex'))
    answers['lookupByUuid'] = () => Promise.reject(refuse('noDomain'))
    expect(await findDomain(client, uid, signal)).toBeUndefined()
    answers['lookupByUuid'] = () => Promise.reject(refuse('internal', 'broken'))
    await expect(findDomain(client, uid, signal)).rejects.toThrow('broken')
  })

  const xml = `<domain><vcpu>2</vcpu><memory>131072</memory><devices>
    <disk><target dev="vda"/><alias name="virtio-disk0"/></disk>
    <interface><mac address="FA:16:3E:00:00:01"/></interface></devices></domain>`
  const found = { ref: DOMAIN, mark: undefined, offReason: undefined, ioError: false }

  test('that is on is read of its QEMU with little patience, one that is off of its definition', async () => {
    const at = fakeLibvirt({ getXml: () => ({ xml }) })
    const on = await toBackendInstance(at.connections, 'u', { ...found, power: 'running' }, signal)
    expect(on).toEqual({
      ...{ uid: 'u', epoch: undefined, namespace: '', name: '', power: 'running', ioError: false },
      ...{ unresponsive: false, vcpus: 2, memoryMiB: 128, volumes: [], ports: [] },
    })
    await toBackendInstance(at.connections, 'u', { ...found, power: 'off', offReason: 'guest' }, signal)
    expect(at.calls).toEqual(['guest getXml 3000', 'quick getXml'])
  })

  test('whose QEMU hangs holds nobody knows what', async () => {
    const at = fakeLibvirt({ getXml: () => Promise.reject(timeout()) })
    const hanging = { ...found, power: 'running' as const }
    const seen = await toBackendInstance(at.connections, 'u', hanging, signal)
    expect(seen).toMatchObject({ unresponsive: true, power: 'running' })
    expect([seen.volumes, seen.vcpus, seen.memoryMiB]).toEqual([undefined, undefined, undefined])
    await expect(
      toBackendInstance(at.connections, 'u', hanging, AbortSignal.abort(new Error('ended'))),
    ).rejects.toThrow('ended')
    at.answers['getXml'] = () => Promise.reject(refuse('internal', 'broken'))
    await expect(toBackendInstance(at.connections, 'u', hanging, signal)).rejects.toThrow('broken')
  })

  test('is ours by its mark or by its name; without a mark its interfaces have their MACs', async () => {
    const marks: Record<string, string> = { 'nephele-u': MARK }
    const domains = ['nephele-u', 'nephele-w', 'another'].map((name) => ({ ...DOMAIN, name }))
    const { client, answers } = fakeLibvirt({
      listAllDomains: () => ({ domains }),
      getMetadata: ({ domain }) => {
        const metadata = marks[(domain as typeof DOMAIN).name]
        return metadata === undefined ? Promise.reject(refuse('noDomainMetadata')) : { metadata }
      },
      getXml: () => ({ xml }),
    })
    const listed = async () => (await listMarked(client, signal)).map(({ uid, nics }) => [uid, nics])
    const nics = [{ mac: 'fa:16:3e:00:00:01' }]
    expect(await listed()).toEqual([
      ['u', nics],
      ['w', nics],
    ])
    answers['getXml'] = () => Promise.reject(refuse('noDomain'))
    expect(await listed()).toEqual([
      ['u', []],
      ['w', []],
    ])
    answers['getXml'] = () => Promise.reject(refuse('internal', 'broken'))
    await expect(listed()).rejects.toThrow('broken')
  })
})

test('names and uuids of domains lead back to their machines', () => {
  const uid = 'aaaaaaaa-0000-4000-8000-000000000001'
  expect([domainName('u'), uidOfDomainName('nephele-u'), uidOfDomainName('other-u')]).toEqual([
    ...['nephele-u', 'u', undefined],
  ])
  expect(domainUuid(uid)).toBe(uid)
  expect(domainUuid('u')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(domainUuid('u')).not.toBe(domainUuid('w'))
  expect(domainUuidBytes(uid).toString('hex')).toBe(uid.replaceAll('-', ''))
  expect(() => domainName('../x')).toThrow('not a uid')
})

describe('what is on a node', () => {
  const empty = () => fakeLibvirt({ listAllDomains: () => ({ domains: [] }) }).client

  test('machines, disks without one, and console logs without either', async () => {
    expect(await listFound(empty(), paths, signal)).toEqual([])
    for (const uid of ['u', 'disks', 'both']) await mkdir(join(instancesDir(paths), uid), { recursive: true })
    await writeFile(join(instancesDir(paths), 'no-folder'), '')
    await mkdir(consoleDir(paths), { recursive: true })
    for (const name of ['u.log', 'both.log.1', 'log.log', 'log.log.0', 'notes.txt'])
      await writeFile(join(consoleDir(paths), name), '')
    const { client } = fakeLibvirt({
      listAllDomains: () => ({ domains: [DOMAIN] }),
      getMetadata: () => ({ metadata: MARK.replace('/>', '><nic mac="fa:16:3e:00:00:01"/></instance>') }),
    })
    const found = await listFound(client, paths, signal)
    expect(found.map(({ uid, what, nics }) => [uid, what, nics?.length])).toEqual([
      ['u', 'libvirt domain nephele-u', 1],
      ...[...found.slice(1, 3)].map(({ uid }) => [uid, 'disks without a domain', undefined]),
      ['log', 'console log without a domain', undefined],
    ])
    expect(new Set(found.slice(1, 3).map(({ uid }) => uid))).toEqual(new Set(['disks', 'both']))
  })

  test('a console’s newest bytes reach back into the log before; it goes with its machine, others’ stay', async () => {
    expect((await readConsoleLog(paths, 'u', 10)).toString()).toBe('')
    await mkdir(consoleDir(paths), { recursive: true })
    await writeFile(consoleLog(paths, 'u'), 'newest')
    await writeFile(`${consoleLog(paths, 'u')}.0`, 'older')
    await writeFile(consoleLog(paths, 'u-2'), 'another')
    const read = async (bytes: number) => (await readConsoleLog(paths, 'u', bytes)).toString()
    expect([await read(3), await read(6), await read(8), await read(100)]).toEqual([
      ...['est', 'newest', 'ernewest', 'oldernewest'],
    ])
    await removeConsoleLog(paths, 'u')
    expect(await listConsoleLogs(paths)).toEqual(new Set(['u-2']))
  })

  test('the size of a disk is in its header', async () => {
    const path = join(dir, 'disk')
    expect(await readQcow2Size(path)).toBeUndefined()
    const header = Buffer.alloc(32)
    header.writeUInt32BE(0x514649fb, 0)
    header.writeBigUInt64BE(5n * 2n ** 30n, 24)
    await writeFile(path, header)
    expect(await readQcow2Size(path)).toBe(5 * 2 ** 30)
    await writeFile(path, header.subarray(0, 31))
    expect(await readQcow2Size(path)).toBeUndefined()
    header.writeUInt32BE(1, 0)
    await writeFile(path, header)
    expect(await readQcow2Size(path)).toBeUndefined()
  })
})

describe('figures', () => {
  const MEMORY = {
    stats: [
      { tag: 99, value: 1n },
      { tag: MemoryStat.rss, value: 2048n },
    ],
  }
  test('of a machine; what its guest uses only where it is to be had', async () => {
    const { client, answers } = fakeLibvirt({
      getInfo: () => ({ cpuTimeNs: 7n, memoryKiB: 131072n }),
      memoryStats: () => MEMORY,
    })
    expect(await readStats(client, DOMAIN, signal)).toEqual({ cpuTimeNs: 7n, memoryMiB: 128, residentMiB: 2 })
    answers['memoryStats'] = () => Promise.reject(refuse('operationInvalid'))
    expect(await readStats(client, DOMAIN, signal)).toEqual({ cpuTimeNs: 7n, memoryMiB: 128 })
  })

  test('of the hypervisor', async () => {
    const { client } = fakeLibvirt({
      getVersion: () => ({ version: 10_000_002n }),
      getLibVersion: () => ({ version: 11_003_000n }),
    })
    expect(await readHypervisorVersion(client, signal)).toBe('10.0.2 (libvirt 11.3.0)')
  })
})

describe('room for a machine that is suspended', () => {
  test('is its memory and some; what is not seen is left to libvirt', async () => {
    await new SaveRoom(join(dir, 'not-there')).promise(2 ** 40)
    const { bavail, bsize } = await statfs(dir)
    const freeMiB = Math.floor((bavail * bsize) / 2 ** 20)
    await new SaveRoom(dir).promise(freeMiB - 320 - 200)
    await expect(new SaveRoom(dir).promise(freeMiB + 200)).rejects.toMatchObject({
      reason: 'NoRoomToSuspend',
      message: expect.stringContaining(`suspending needs ${freeMiB + 520} MiB`),
    })
    await expect(new SaveRoom(dir).promise(freeMiB - 300 + 200)).rejects.toMatchObject({ reason: 'NoRoomToSuspend' })
  })
})

describe('a volume that grew', () => {
  const connection = { protocol: 'file' as const, path: '/p', format: 'raw' as const }
  const live = [{ uid: 'v', alias: 'ua-v', target: 'vdb' }]
  const grow = (at: ReturnType<typeof fakeLibvirt>, sizeGiB?: number, uid = 'v', end = signal) =>
    growVolumes(at.client, DOMAIN, live, [{ uid, connection, ...(sizeGiB === undefined ? {} : { sizeGiB }) }], end)
  const capacity = (gib: bigint) => () => ({ capacity: gib * 2n ** 30n })

  test('is told to a machine that has it, and knows less; never made smaller', async () => {
    const resized: unknown[] = []
    const at = fakeLibvirt({
      blockInfo: capacity(2n),
      blockResize: ({ disk, size }) => void resized.push([disk, size]),
    })
    await grow(at, 3)
    expect(resized).toEqual([['vdb', 3n * 2n ** 30n]])
    for (const size of [2, 1, undefined]) await grow(at, size)
    await grow(at, 9, 'another')
    expect(resized).toHaveLength(1)
  })

  test('is asked for until QEMU has seen it, with a read of a block now and then', async () => {
    let refusals = 6
    const at = fakeLibvirt({
      blockInfo: capacity(1n),
      blockResize: () => {
        if (refusals-- > 0) throw refuse('internal', 'not yet')
      },
    })
    await grow(at, 2)
    const resizes = at.calls.filter((call) => call === 'quick blockResize')
    const reads = at.calls.filter((call) => call === 'quick qemuMonitorCommand')
    expect([resizes.length, reads.length]).toEqual([7, 2])
  })

  test('is given up after a while with what libvirt said, at once with the run, and on anything else', async () => {
    const no = refuse('internal', 'never')
    const at = fakeLibvirt({ blockInfo: capacity(1n), blockResize: () => Promise.reject(no) })
    await expect(grow(at, 2)).rejects.toMatchObject({ reason: 'VolumeResizeFailed', cause: no })
    expect(at.calls.filter((call) => call === 'quick blockResize')).toHaveLength(20)
    const end = new AbortController()
    setTimeout(() => end.abort(new Error('ended')), 20)
    await expect(grow(at, 2, 'v', end.signal)).rejects.toThrow('ended')
    at.answers['blockResize'] = () => Promise.reject(new LibvirtDisconnected('gone'))
    await expect(grow(at, 2)).rejects.toThrow('gone')
  }, 15_000)
})
