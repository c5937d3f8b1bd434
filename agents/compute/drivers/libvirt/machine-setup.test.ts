// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { mkdir, realpath, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { TransientError } from '../../../../lib/errors.ts'
import type { exec } from '../../../../lib/exec.ts'
import { makeMemoryFolder } from '../../../../lib/memory-folder.ts'
import { consoleDir, instanceDir, type ComputePaths } from '../../paths.ts'
import type { InstanceWant, PowerState, VolumeWant } from '../../instance-driver.ts'
import { instanceWant } from '../testing.ts'
import type { FoundDomain } from './domains.ts'
import { DOMAIN, fakeLibvirt, refuse, type FakeLibvirt } from './fake-client.ts'
import { MachineSetup, type SetupOptions } from './machine-setup.ts'

const signal = new AbortController().signal
const MARK = { uid: 'u', epoch: 3, namespace: 'team-a', name: 'vm1', nics: undefined }
let dir: string
let paths: ComputePaths
let at: FakeLibvirt
let found: FoundDomain | undefined
/** What was given with each call that has something to say. */
let given: Record<string, Record<string, unknown>>
let xml: string

beforeEach(async () => {
  dir = await realpath(await makeMemoryFolder('nephele-setup-'))
  paths = { dataDir: join(dir, 'data'), runDir: join(dir, 'run') }
  ;[found, given, xml] = [undefined, {}, '<domain/>']
  const note = (name: string) => (args: Record<string, unknown>) => void (given[name] = args)
  at = fakeLibvirt({ getXml: () => ({ xml }), defineXml: note('defineXml'), setMetadata: note('setMetadata') })
})
afterEach(() => rm(dir, { recursive: true }))

const domain = (power: PowerState, mark: FoundDomain['mark'] = MARK): FoundDomain => ({
  ...{ ref: DOMAIN, mark, power, offReason: undefined, ioError: false },
})
function make(more: Partial<SetupOptions> = {}): MachineSetup {
  return new MachineSetup({
    connections: at.connections,
    finder: {
      find: async () => (at.calls.push('find'), found),
      look: async () => undefined,
      lookAgain: async () => (at.calls.push('look'), { uid: 'u' }) as never,
    },
    access: { ensure: async () => void at.calls.push('access') },
    probe: { acceleration: async () => ({ acceleration: 'qemu', accelerationReason: 'no KVM' }) },
    paths,
    exec: (async (argv: string[]) => {
      at.calls.push(argv.slice(0, 2).join(' '))
      await writeFile(argv.at(-2)!, '')
    }) as unknown as typeof exec,
    checkServer: async () => void at.calls.push('dial'),
    nbdReconnectSeconds: undefined,
    hostSwitch: undefined,
    ...more,
  })
}
const want = (more: Partial<InstanceWant> = {}) => instanceWant({ uid: 'u', epoch: 3, ...more })
const nbd = (uid: string, more: Partial<VolumeWant> = {}): VolumeWant => ({
  ...{ uid, connection: { protocol: 'nbd', host: 's', port: 1, exportName: uid, tls: false } },
  ...more,
})

describe('a machine that is off', () => {
  test('has what QEMU needs, then its disks, then its definition', async () => {
    expect(await make().ensure(want(), signal)).toEqual({ uid: 'u' })
    expect(at.calls).toEqual(['find', 'access', 'qemu-img create', 'quick defineXml', 'look'])
    expect(given['defineXml']).toMatchObject({ flags: 1, xml: expect.stringMatching(/<domain type=.qemu./) })
  })

  test.each<[string, () => Promise<unknown>, object]>([
    [
      'a volume that is not here',
      () => make().ensure(want({ volumes: [{ uid: 'v', connection: file('none') }] }), signal),
      { reason: 'VolumeMissing' },
    ],
    [
      'what QEMU needs cannot be had',
      () => make({ access: { ensure: () => Promise.reject(new Error('no group')) } }).ensure(want(), signal),
      { message: 'no group' },
    ],
    [
      'a property that nobody knows how to give',
      () => make().ensure(want({ properties: { hw_machine_type: '../x' } }), signal),
      { name: 'TerminalError' },
    ],
  ])('%s: nothing is made of it', async (_, run, expected) => {
    await expect(run()).rejects.toMatchObject(expected)
    expect(at.calls.filter((call) => /qemu-img|defineXml|look/.test(call))).toEqual([])
  })

  test('that had a root disk and has lost it gets no empty one', async () => {
    found = domain('off')
    await expect(make().ensure(want(), signal)).rejects.toMatchObject({ reason: 'RootDiskMissing' })
    expect(at.calls).not.toContain('qemu-img create')
  })

  test.each<[string, string, Parameters<typeof refuse>[0]]>([
    ['TerminalError', 'DomainRefused', 'xmlInvalidSchema'],
    ['TerminalError', 'DomainRefused', 'operationUnsupported'],
    ['TransientError', 'HypervisorRefused', 'internal'],
  ])('libvirt refuses its definition: %s %s', async (name, reason, code) => {
    at.answers['defineXml'] = () => Promise.reject(refuse(code))
    await expect(make().ensure(want(), signal)).rejects.toMatchObject({ name, reason })
  })

  test('whose run is ended before it is defined is not; one that is being defined is waited for', async () => {
    const end = new AbortController()
    let given: AbortSignal | undefined
    at.answers['defineXml'] = (_, by) => void (given = by)
    await make({ exec: (async (argv: string[]) => writeFile(argv.at(-2)!, '')) as never }).ensure(want(), end.signal)
    end.abort(new Error('ended'))
    expect(given!.aborted).toBe(false)
    at.calls.splice(0)
    await expect(make().ensure(want(), end.signal)).rejects.toThrow('ended')
    expect(at.calls).not.toContain('quick defineXml')
  })
})

describe('a machine that is there', () => {
  test('under a newer epoch is not touched', async () => {
    found = domain('off', { ...MARK, epoch: 4 })
    await expect(make().ensure(want(), signal)).rejects.toMatchObject({ name: 'TerminalError', reason: 'StaleEpoch' })
    expect(at.calls).toEqual(['find'])
  })

  test.each<[string, FoundDomain, number | undefined]>([
    ['on, marked as wanted', domain('running'), undefined],
    ['on, of an older epoch', domain('running', { ...MARK, epoch: 2 }), 1 | 2],
    ['paused, of another name', domain('paused', { ...MARK, name: 'old' }), 1 | 2],
    ['on, of another namespace', domain('running', { ...MARK, namespace: 'old' }), 1 | 2],
    ['on, without a mark', { ...domain('running'), mark: undefined }, 1 | 2],
    ['saved, of an older epoch', domain('saved', { ...MARK, epoch: 2 }), 2],
  ])('%s: is adopted as it is, and marked where it must be', async (_, is, flags) => {
    found = is
    await make().ensure(want(), signal)
    expect(at.calls).toEqual(['find', ...(flags === undefined ? [] : ['guest setMetadata 10000']), 'look'])
    if (flags !== undefined)
      expect(given['setMetadata']).toMatchObject({
        flags,
        key: 'nephele',
        metadata: expect.stringContaining('epoch="3"'),
      })
  })
})

describe('acceleration', () => {
  const kvm = { probe: { acceleration: async () => ({ acceleration: 'kvm' as const }) } }
  test.each<[string, Partial<InstanceWant>, Partial<SetupOptions>, string]>([
    ['as the node has it', {}, kvm, 'kvm'],
    ['none', {}, {}, 'qemu'],
    ['none, as its image asks', { properties: { hw_virt_type: 'qemu' } }, kvm, 'qemu'],
    [
      'as it must have, whatever its image asks',
      { properties: { hw_virt_type: 'qemu' }, requireKvm: true },
      kvm,
      'kvm',
    ],
  ])('%s', async (_, more, options, type) => {
    await make(options).ensure(want(more), signal)
    expect(given['defineXml']!['xml']).toMatch(new RegExp(`<domain type=.${type}.`))
  })

  test.each([['no KVM'], [undefined]])('that it must have and cannot, is said why: %s', async (accelerationReason) => {
    const acceleration = { acceleration: 'qemu' as const, ...(accelerationReason ? { accelerationReason } : {}) }
    const setup = make({ probe: { acceleration: async () => acceleration } })
    await expect(setup.ensure(want({ requireKvm: true }), signal)).rejects.toMatchObject({
      ...{ name: 'TerminalError', reason: 'AccelerationMissing' },
      message: `the machine wants KVM: ${accelerationReason ?? 'not available here'}`,
    })
  })
})

const file = (name: string) => ({ protocol: 'file' as const, path: join(dir, name), format: 'raw' as const })

describe('volumes', () => {
  const has = (uid: string, target: string) => `<disk><target dev="${target}"/><alias name="ua-vol-${uid}"/></disk>`
  beforeEach(() => {
    found = domain('running')
    xml = `<domain>${has('old', 'vdb')}</domain>`
    at.answers['blockInfo'] = () => ({ capacity: 2n * 2n ** 30n })
  })
  const ensure = (volumes: VolumeWant[], more: Partial<SetupOptions> = {}) =>
    make(more).ensureVolumes(want({ volumes }), signal)

  test('are let go, and plugged once QEMU has what it needs and their servers answer', async () => {
    await ensure([nbd('new')])
    expect(at.calls).toEqual([
      ...['find', 'devices getXml 10000', 'access', 'devices detachDevice 20000'],
      ...['dial', 'devices attachDevice 20000', 'look'],
    ])
  })

  test('as wanted are left alone: QEMU is not even given anything', async () => {
    await ensure([nbd('old')])
    expect(at.calls).toEqual(['find', 'devices getXml 10000', 'look'])
  })

  test.each<[PowerState, string[]]>([
    ['paused', ['devices getXml 10000', 'access', 'dial', 'devices attachDevice 20000']],
    ['sleeping', ['devices getXml 10000', 'access', 'dial', 'devices attachDevice 20000']],
    ['off', []],
    ['saved', []],
  ])('of one that is %s: no guest is asked to let go', async (power, expected) => {
    found = domain(power)
    await ensure([nbd('new')])
    expect(at.calls).toEqual(['find', ...expected, 'look'])
  })

  test('one that fails keeps no other from growing, and is told at the end', async () => {
    const silent = () => Promise.reject(new TransientError('VolumeServerSilent', 'silent'))
    const volumes = [nbd('old', { sizeGiB: 3 }), nbd('new')]
    await expect(ensure(volumes, { checkServer: silent })).rejects.toMatchObject({ reason: 'VolumeServerSilent' })
    expect(at.calls.slice(-2)).toEqual(['devices blockInfo', 'devices blockResize'])
  })

  test('of one that is not there: it vanished, as the look says', async () => {
    found = undefined
    await ensure([nbd('new')])
    expect(at.calls).toEqual(['find', 'look'])
  })

  test.each<[number | undefined, string]>([
    [7, 'reconnect delay="7"'],
    [undefined, 'reconnect delay="'],
    [0, 'reconnect delay="'],
  ])('wait for their server as long as the node says: %s', async (nbdReconnectSeconds, expected) => {
    let plugged = ''
    at.answers['attachDevice'] = (args) => void (plugged = String(args['xml']))
    await ensure([nbd('new')], { nbdReconnectSeconds })
    expect(plugged).toContain(expected)
    expect(plugged).not.toContain('delay="0"')
    found = undefined
    await make({ nbdReconnectSeconds }).ensure(want({ volumes: [nbd('new')] }), signal)
    expect(String(given['defineXml']!['xml'])).toContain(expected)
  })
})

test('the folders of console and disks are there before libvirt is told of them', async () => {
  await mkdir(paths.dataDir, { recursive: true })
  let isThere = false
  at.answers['defineXml'] = async () => {
    await writeFile(join(consoleDir(paths), 'x'), '')
    await writeFile(join(instanceDir(paths, 'u'), 'x'), '')
    isThere = true
  }
  await make().ensure(want(), signal)
  expect(isThere).toBe(true)
})
