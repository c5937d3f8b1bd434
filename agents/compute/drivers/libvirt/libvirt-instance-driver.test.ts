// SPDX-License-Identifier: Apache-2.0
// What the driver asks of libvirtd, and in which order.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DomainState, PausedReason, ShutoffReason } from '../../../../lib/libvirt/constants.ts'
import { LibvirtDisconnected } from '../../../../lib/libvirt/error.ts'
import { EventType, ShutdownDetail, type DomainEvent } from '../../../../lib/libvirt/events.ts'
import { makeMemoryFolder } from '../../../../lib/memory-folder.ts'
import { consoleDir, consoleLog, instanceDir, vhostUserSocket, type ComputePaths } from '../../paths.ts'
import type { PowerAction } from '../../instance-driver.ts'
import { LibvirtInstanceDriver, type LibvirtDriverOptions } from './libvirt-instance-driver.ts'
import { DOMAIN, fakeLibvirt, refuse, type FakeLibvirt } from './fake-client.ts'
import { SAVE_DIR } from './save-room.ts'

const UID = 'aaaaaaaa-0000-4000-8000-000000000001'
const { signal } = new AbortController()
const disk = (port: number) => `<disk><source protocol="nbd"><host name="s" port="${port}"/></source></disk>`

let dir: string
let paths: ComputePaths
let at: FakeLibvirt
let driver: LibvirtInstanceDriver
let state: { state: number; reason: number }
let uid: string | undefined
let xml: string
/** Of the servers of volumes that are tried. */
let silent: Set<number>

beforeEach(async () => {
  dir = await makeMemoryFolder('nephele-driver-')
  paths = { dataDir: join(dir, 'data'), runDir: join(dir, 'run') }
  ;[uid, state, silent] = [UID, { state: DomainState.shutoff, reason: 0 }, new Set()]
  xml = `<domain><vcpu>2</vcpu><memory>131072</memory>${disk(1)}${disk(2)}${disk(2)}</domain>`
  at = fakeLibvirt({
    lookupByUuid: () => (uid === undefined ? Promise.reject(refuse('noDomain')) : { domain: DOMAIN }),
    getMetadata: () => ({ metadata: `<instance uid="${uid}" epoch="3" namespace="team" name="vm"/>` }),
    getState: () => state,
    hasManagedSave: () => ({ result: 0 }),
    getXml: () => ({ xml }),
  })
  driver = make()
})
afterEach(() => rm(dir, { recursive: true }))

const make = (more: Partial<LibvirtDriverOptions> = {}) =>
  new LibvirtInstanceDriver({
    ...{
      socketPath: '/nowhere',
      uri: 'test:///default',
      paths,
      bootId: 'b',
      hostRoot: dir,
      connections: at.connections,
    },
    checkServer: async ({ port }) => {
      at.calls.push(`dial ${port}`)
      await Promise.resolve()
      if (silent.has(port)) throw new Error(`${port} is silent`)
      at.calls.push(`answer ${port}`)
    },
    ...more,
  })
const LOOK = ['quick lookupByUuid', 'quick getMetadata', 'quick getState', 'quick hasManagedSave']
const asked = (): string[] => at.calls.splice(0).filter((call) => !LOOK.includes(call))
const set = (action: PowerAction) => driver.setPower(UID, action, signal)
const running = () => (state = { state: DomainState.running, reason: 0 })

describe('power', () => {
  test('each volume’s server has answered before a machine is started', async () => {
    await set('on')
    expect(asked()).toEqual(['quick getXml', 'dial 1', 'dial 2', 'answer 1', 'answer 2', 'starts create 65000'])
  })

  test('one that starts is not frozen any more; one that wakes, or is on, may be', async () => {
    const mark = join(instanceDir(paths, UID), 'frozen')
    await mkdir(instanceDir(paths, UID), { recursive: true })
    await writeFile(mark, '')
    running()
    await set('on')
    expect(existsSync(mark)).toBe(true)
    state = { state: DomainState.shutoff, reason: 0 }
    await set('on')
    expect(existsSync(mark)).toBe(false)
  })

  test('behind a server that is silent nothing is started', async () => {
    silent.add(2)
    await expect(set('on')).rejects.toThrow('2 is silent')
    expect(asked()).not.toContain('starts create 65000')
  })

  test.each<[string, PowerAction, () => void]>([
    ['is on already', 'on', running],
    ['is switched off', 'off', running],
    ['is shut down', 'shutdown', running],
  ])('one that %s needs no server', async (_, action, be) => {
    be()
    silent.add(1)
    await set(action)
    expect(asked().filter((call) => call.startsWith('dial'))).toEqual([])
  })

  test('of one that is not there: off is success, anything else is not', async () => {
    uid = undefined
    for (const action of ['off', 'shutdown'] as const) await set(action)
    for (const action of ['on', 'resume', 'pause', 'save', 'wake'] as const)
      await expect(set(action)).rejects.toMatchObject({ reason: 'DomainMissing' })
    await expect(driver.act(UID, 'reset', signal)).rejects.toMatchObject({ reason: 'DomainMissing' })
    await expect(driver.stats(UID, signal)).rejects.toMatchObject({ reason: 'DomainMissing' })
    await expect(driver.openConsole(UID, signal)).rejects.toMatchObject({ reason: 'DomainMissing' })
    expect(asked()).toEqual([])
  })

  test('a guest is told to reboot, and its figures are read, where neither stands before anything else', async () => {
    await driver.act(UID, 'reset', signal)
    expect(asked()).toEqual(['orders reset 10000'])
    at.answers['getInfo'] = () => ({ cpuTimeNs: 7n, memoryKiB: 1024n })
    at.answers['memoryStats'] = () => ({ stats: [] })
    expect(await driver.stats(UID, signal)).toMatchObject({ memoryMiB: 1 })
    expect(asked().every((call) => call.startsWith('guest'))).toBe(true)
  })
})

describe('a machine is found', () => {
  test('with what libvirt and its disk say of it', async () => {
    await mkdir(instanceDir(paths, UID), { recursive: true })
    const header = Buffer.alloc(32)
    header.writeUInt32BE(0x514649fb, 0)
    header.writeBigUInt64BE(5n, 24)
    await writeFile(join(instanceDir(paths, UID), 'root.qcow2'), header)
    expect(await driver.find(UID, signal)).toMatchObject({ uid: UID, epoch: 3, power: 'off', vcpus: 2, rootBytes: 5 })
  })

  test.each<[string, number, number]>([
    ['anew', 0, 60_000],
    ['from a saved memory', 1, 60_100],
  ])('while somebody starts it %s, with how long that may take; its QEMU is not asked', async (_, saved, limitMs) => {
    state = { state: DomainState.paused, reason: PausedReason.startingUp }
    at.answers['hasManagedSave'] = () => ({ result: saved })
    await mkdir(join(dir, SAVE_DIR), { recursive: true })
    await writeFile(join(dir, SAVE_DIR, 'nephele-u.save'), 'm')
    expect(await driver.find(UID, signal)).toMatchObject({ startLimitMs: limitMs })
    expect(asked()).toEqual([])
  })

  test.each<[string, { state: number; reason: number }]>([
    ['paused by somebody', { state: DomainState.paused, reason: PausedReason.user }],
    ['running, whatever its reason', { state: DomainState.running, reason: PausedReason.startingUp }],
  ])('%s: nobody starts it', async (_, now) => {
    state = now
    expect(await driver.find(UID, signal)).not.toHaveProperty('startLimitMs')
  })

  test('no more when it goes between two calls; not at all when it is somebody else’s', async () => {
    at.answers['getState'] = () => Promise.reject(refuse('noDomain'))
    expect(await driver.find(UID, signal)).toBeUndefined()
    at.answers['getState'] = () => Promise.reject(refuse('internal'))
    await expect(driver.find(UID, signal)).rejects.toMatchObject({ reason: 'HypervisorRefused' })
    at.answers['getState'] = () => state
    uid = 'another'
    await expect(driver.find(UID, signal)).rejects.toMatchObject({ name: 'TerminalError', reason: 'ForeignDomain' })
    await expect(driver.remove(UID, signal)).rejects.toMatchObject({ reason: 'ForeignDomain' })
    expect(asked()).not.toContain('forced destroy 60000')
  })

  test('libvirtd away is no empty node', async () => {
    at.answers['listAllDomains'] = () => Promise.reject(new LibvirtDisconnected('gone'))
    await expect(driver.list(signal)).rejects.toMatchObject({ reason: 'HypervisorUnreachable' })
  })
})

describe('a removal', () => {
  /** What is left behind a machine, and whether the disks were there at each call. */
  async function furnish(): Promise<string[]> {
    const ours = vhostUserSocket(paths, UID)
    const left = [ours, join(dir, 'elsewhere'), join(instanceDir(paths, UID), 'root.qcow2'), consoleLog(paths, UID)]
    for (const folder of [join(ours, '..'), instanceDir(paths, UID), consoleDir(paths)])
      await mkdir(folder, { recursive: true })
    for (const file of left) await writeFile(file, '')
    const nic = (path: string) => `<interface type="vhostuser"><source path="${path}"/></interface>`
    xml = `<domain>${nic(ours)}${nic(left[1]!)}</domain>`
    return left
  }

  test('pulls the plug, takes what QEMU leaves, the definition with all that hangs on it, and then the disks', async () => {
    running()
    const left = await furnish()
    const flags: unknown[] = []
    at.answers['undefine'] = (args) => {
      flags.push(args['flags'], ...left.map((file) => existsSync(file)))
      uid = undefined
    }
    await driver.remove(UID, signal)
    expect(asked()).toEqual(['forced destroy 60000', 'quick getXml', 'quick undefine'])
    expect(flags).toEqual([1 | 2 | 4 | 16 | 32, false, true, true, true])
    expect(left.map((file) => existsSync(file))).toEqual([false, true, false, false])
    // Again is success.
    await driver.remove(UID, signal)
    expect(asked()).toEqual([])
  })

  test.each<[string, string]>([
    ['destroyed', 'destroy'],
    ['undefined', 'undefine'],
  ])('one that cannot be %s keeps its disks', async (_, procedure) => {
    const left = await furnish()
    at.answers[procedure] = () => Promise.reject(refuse('internal'))
    await expect(driver.remove(UID, signal)).rejects.toMatchObject({ reason: 'HypervisorRefused' })
    expect(existsSync(left[2]!)).toBe(true)
  })

  test('one that goes meanwhile is gone; one that a late call defines again is removed again, up to five times', async () => {
    at.answers['undefine'] = () => {
      uid = undefined
      throw refuse('noDomain')
    }
    await driver.remove(UID, signal)
    uid = UID
    let comesBack = 4
    at.answers['undefine'] = () => {
      if (comesBack-- <= 0) uid = undefined
    }
    await driver.remove(UID, signal)
    const left = await furnish()
    uid = UID
    at.answers['undefine'] = () => undefined
    asked()
    await expect(driver.remove(UID, signal)).rejects.toMatchObject({ reason: 'DomainReturns' })
    expect(asked().filter((call) => call === 'quick undefine')).toHaveLength(6)
    expect(existsSync(left[2]!)).toBe(true)
  })
})

describe('two removals at once', () => {
  test.each<[string, string, Parameters<typeof refuse>[0]]>([
    ['the other one was first while it is looked at', 'getState', 'noDomain'],
    ['the other one was first when its plug is pulled', 'destroy', 'noDomain'],
    ['the other one was first when it is read', 'getXml', 'noDomain'],
    ['the other one was first when it is undefined', 'undefine', 'noDomain'],
    ['the other one undefined it while it was started', 'undefine', 'operationInvalid'],
  ])('%s: both succeed', async (_, procedure, code) => {
    const answer = at.answers[procedure]
    at.answers[procedure] = () => {
      at.answers[procedure] = answer ?? (() => undefined)
      uid = undefined
      return Promise.reject(refuse(code))
    }
    await driver.remove(UID, signal)
    expect(uid).toBeUndefined()
  })

  test('one that was started and undefined meanwhile loses its power', async () => {
    at.answers['undefine'] = () => {
      running()
      at.answers['destroy'] = () => void (uid = undefined)
      return Promise.reject(refuse('operationInvalid'))
    }
    await driver.remove(UID, signal)
    expect(asked()).toEqual([
      ...['forced destroy 60000', 'quick getXml', 'quick undefine'],
      ...['forced destroy 60000', 'quick getXml', 'quick undefine'],
    ])
  })
})

describe('libvirt’s events', () => {
  type Listener = Parameters<FakeLibvirt['client']['watch']>[0]
  /** What happens to whoever watches libvirtd. */
  const watched = (happen: (listener: Listener) => void): void => {
    at.client.watch = async (listener) => happen(listener)
  }
  const lifecycle = (event: number, detail: number, name = `nephele-${UID}`): DomainEvent => ({
    ...{ kind: 'lifecycle', event, detail, domain: { ...DOMAIN, name } },
  })
  test.each<[string, DomainEvent, string[]]>([
    ['a start', lifecycle(EventType.started, 0), [UID]],
    ['a new definition', lifecycle(EventType.defined, 0), [UID]],
    ['our own definition anew', lifecycle(EventType.defined, 1), []],
    ['of a domain that is not ours', lifecycle(EventType.started, 0, 'other'), []],
  ])('%s', async (_, event, expected) => {
    const heard: string[] = []
    watched((libvirt) => libvirt.event(event))
    await driver.watch({ changed: (of) => heard.push(of), resync: () => heard.push('resync') }, signal)
    expect(heard).toEqual(expected)
  })

  test('who shut a machine down is known by the last event alone', async () => {
    let hear: (event: DomainEvent) => void = () => undefined
    watched((libvirt) => {
      hear = (event) => libvirt.event(event)
    })
    await driver.watch({ changed: () => undefined, resync: () => undefined }, signal)
    state = { state: DomainState.shutoff, reason: ShutoffReason.shutdown }
    const offReason = async () => (await driver.find(UID, signal))?.offReason
    expect(await offReason()).toBe('guest')
    hear(lifecycle(EventType.shutdown, ShutdownDetail.host))
    expect(await offReason()).toBe('host')
    hear(lifecycle(EventType.shutdown, ShutdownDetail.guest))
    expect(await offReason()).toBe('guest')
  })

  test('when libvirtd is back, all is looked at, and who it runs QEMU as is asked anew', async () => {
    const capabilities = "<secmodel><model>dac</model><baselabel type='kvm'>+0:+0</baselabel></secmodel>"
    at.answers['getCapabilities'] = () => ({ xml: `<capabilities>${capabilities}</capabilities>` })
    watched((libvirt) => {
      libvirt.connected()
      libvirt.lost(undefined)
    })
    at.answers['getVersion'] = () => Promise.reject(new Error('asked'))
    const ask = () => driver.probe(signal).catch(() => undefined)
    await ask()
    await ask()
    let resyncs = 0
    const watch = () => driver.watch({ changed: () => undefined, resync: () => resyncs++ }, signal)
    expect(asked().filter((call) => call === 'quick getCapabilities')).toHaveLength(1)
    await watch()
    await ask()
    expect(asked().filter((call) => call === 'quick getCapabilities')).toHaveLength(1)
    expect(resyncs).toBe(1)
  })
})

test('all connections end with the driver', () => {
  let closed = 0
  at.connections.close = () => {
    closed += 1
  }
  driver.close()
  expect(closed).toBe(1)
})
