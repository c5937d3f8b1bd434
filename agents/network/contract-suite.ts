// SPDX-License-Identifier: Apache-2.0
// What every PortDriver keeps to. Called inside of `describe` by the tests of each driver, the one in memory included.
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { until } from '../../lib/time/until.ts'
import {
  isPluggedAs,
  type DevicePort,
  type PluggedPort,
  type PortDriver,
  type SwitchPort,
  type VhostUserPort,
} from './port-driver.ts'

export interface SwitchUnderTest extends AsyncDisposable {
  driver: PortDriver
  /** The logical network has come to the port: its flows are in the switch. */
  install(port: SwitchPort): Promise<void>
  /** Its SDN controller says that it has programmed the port, refuses it, or takes its word back. */
  speak(port: SwitchPort, word: { programmedBy?: string; refused?: string }): Promise<void>
  /** Another hand takes the port out of the switch. */
  lose(port: SwitchPort): Promise<void>
  /** A port that this switch cannot open. */
  unusable(port: VhostUserPort): VhostUserPort
}

const device = (uid: string, more: Partial<DevicePort> = {}): DevicePort => ({
  ...{ type: 'device', kind: 'port', uid, logicalPort: uid, mac: 'fa:16:3e:00:00:01' },
  ...{ device: `tap-${uid}`, instance: 'boot/7', ...more },
})
const socket = (uid: string, more: Partial<VhostUserPort> = {}): VhostUserPort => ({
  ...{ type: 'vhostuser', kind: 'port', uid, logicalPort: uid, mac: 'fa:16:3e:00:00:02' },
  ...{ device: `vhu-${uid}`, socketPath: `/run/guests/${uid}.sock`, mtu: 1442, instance: 'switch/1', ...more },
})

export function portDriverContract(create: () => Promise<SwitchUnderTest>): void {
  let subject: SwitchUnderTest
  let driver: PortDriver
  const signal = () => AbortSignal.timeout(10_000)
  const plug = (port: SwitchPort) => driver.plug(port, signal())
  const unplug = ({ kind, uid }: SwitchPort) => driver.unplug(kind, uid, signal())
  const find = ({ kind, uid }: SwitchPort) => driver.find(kind, uid)
  const wait = ({ kind, uid }: SwitchPort, accept: (port: PluggedPort) => boolean, by = signal()) =>
    driver.waitUntil(kind, uid, accept, by)
  const names = () =>
    driver
      .list()
      .map(({ kind, uid }) => `${kind}/${uid}`)
      .sort()

  beforeEach(async () => {
    subject = await create()
    driver = subject.driver
  })
  afterEach(async () => {
    await subject[Symbol.asyncDispose]()
  })

  test('what was never plugged is not found, and gone', async () => {
    expect(find(device('a'))).toBeUndefined()
    expect(driver.list()).toEqual([])
    await unplug(device('a'))
    expect(driver.list()).toEqual([])
  })

  test.each<[string, SwitchPort, object]>([
    ['a device', device('a'), { device: 'tap-a', instance: 'boot/7' }],
    ['a socket', socket('a'), { device: 'vhu-a', instance: 'switch/1', socketPath: '/run/guests/a.sock' }],
  ])('%s is plugged, found, listed and unplugged, each twice', async (_, port, more) => {
    for (let i = 0; i < 2; i++) {
      await plug(port)
      expect(find(port)).toMatchObject({ kind: 'port', uid: 'a', logicalPort: 'a', ...more })
      expect(isPluggedAs(find(port), port)).toBe(true)
      expect(names()).toEqual(['port/a'])
    }
    for (let i = 0; i < 2; i++) {
      await unplug(port)
      expect([find(port), driver.list()]).toEqual([undefined, []])
    }
  })

  test.each<[string, SwitchPort, SwitchPort]>([
    ['the device was made anew', device('a'), device('a', { instance: 'boot/8' })],
    ['another logical port', device('a'), device('a', { logicalPort: 'b' })],
    ['a socket in place of a device', device('a'), socket('a')],
    ['larger packets', socket('a'), socket('a', { mtu: 8942 })],
  ])('plugged anew: %s', async (_, before, after) => {
    await plug(before)
    expect(isPluggedAs(find(before), after)).toBe(false)
    await plug(after)
    expect(isPluggedAs(find(after), after)).toBe(true)
    expect(names()).toEqual(['port/a'])
  })

  test('of an SDN controller: in its bridge, and there once that very controller says so; its word is withdrawn with it', async () => {
    const controlled = { controller: 'a.b/c', bridge: 'br-sdn', networkUid: 'net', instanceUid: 'vm' }
    const port = device('a', { controlled })
    await plug(device('a'))
    expect(isPluggedAs(find(device('a')), port)).toBe(false)
    await plug(port)
    expect(find(port)).toMatchObject({ controlled: { controller: 'a.b/c', bridge: 'br-sdn' }, installed: false })
    expect([isPluggedAs(find(port), port), isPluggedAs(find(port), device('a'))]).toEqual([true, false])
    for (const other of [{ bridge: 'br-2' }, { controller: 'a.b/d' }])
      expect(isPluggedAs(find(port), device('a', { controlled: { ...controlled, ...other } }))).toBe(false)
    await subject.install(port)
    await subject.speak(port, { programmedBy: 'a.b/d' })
    expect(await wait(port, () => true)).toMatchObject({ installed: false })
    await subject.speak(port, { programmedBy: 'a.b/c' })
    await wait(port, ({ installed }) => installed)
    await subject.speak(port, { programmedBy: 'a.b/c' })
    await subject.speak(port, { refused: 'full' })
    expect(await wait(port, ({ refusal }) => refusal !== undefined)).toMatchObject({
      installed: false,
      refusal: 'full',
    })
    await subject.speak(port, {})
    expect(await wait(port, ({ refusal }) => refusal === undefined)).toMatchObject({ installed: false })
    await subject.speak(port, { programmedBy: 'a.b/c' })
    await wait(port, ({ installed }) => installed)
    await plug(port)
    expect(find(port)).toMatchObject({ installed: false })
  })

  test('whatever has the device’s name goes first', async () => {
    await plug(device('a', { device: 'tap-x' }))
    await plug(device('b', { device: 'tap-x' }))
    expect(names()).toEqual(['port/b'])
  })

  test('a guest’s port and the node’s own on a network are two, whatever their uids', async () => {
    const metadata = device('a', { kind: 'metadata', device: 'mtd-a' })
    await Promise.all([plug(device('a')), plug(metadata), plug(device('b'))])
    expect(names()).toEqual(['metadata/a', 'port/a', 'port/b'])
    await unplug(device('a'))
    expect(names()).toEqual(['metadata/a', 'port/b'])
    expect(isPluggedAs(find(metadata), metadata)).toBe(true)
  })

  test('who waits for a port has it once it is there and installed, and not before', async () => {
    const port = device('a')
    const states: string[] = []
    const waiting = wait(port, ({ installed }) => {
      states.push(installed ? 'installed' : 'plugged')
      return installed
    })
    expect(states).toEqual([])
    await plug(device('b'))
    expect(states).toEqual([])
    await plug(port)
    await subject.install(port)
    expect(await waiting).toMatchObject({ uid: 'a', installed: true })
    expect(find(port)).toMatchObject({ installed: true })
    // Whoever asks later need not wait.
    expect(await wait(port, ({ installed }) => installed)).toMatchObject({ uid: 'a' })
  })

  test('who waits is told of a port that the switch cannot open', async () => {
    const port = subject.unusable(socket('a'))
    const waiting = wait(port, () => false)
    await plug(port)
    expect(await waiting).toMatchObject({ uid: 'a', error: expect.stringMatching(/./) })
    expect(find(port)).toMatchObject({ installed: false })
    await unplug(port)
    expect(find(port)).toBeUndefined()
  })

  test('who waits ends with its signal', async () => {
    await plug(device('a'))
    const stop = new AbortController()
    const waiting = [device('a'), device('b')].map((port) => wait(port, () => false, stop.signal))
    stop.abort(new Error('the run ended'))
    for (const one of waiting) await expect(one).rejects.toThrow('the run ended')
  })

  test('tells of what changes, whoever changed it, until nobody listens', async () => {
    const port = device('a')
    const told: string[] = []
    const end = driver.onChange((changed) => told.push(changed ? `${changed.kind}/${changed.uid}` : 'all'))
    const tells = async (work: () => Promise<void>) => {
      told.length = 0
      await work()
      await until(() => told.length > 0, 'the driver tells of it')
      expect(new Set(told)).toEqual(new Set(['port/a']))
    }
    await tells(() => plug(port))
    await wait(port, () => true)
    await subject.install(port)
    await wait(port, ({ installed }) => installed)
    await tells(() => subject.lose(port))
    await until(() => find(port) === undefined, 'the driver knows')
    await tells(() => plug(port))
    await tells(() => unplug(port))
    end()
    told.length = 0
    await plug(port)
    expect([told, names()]).toEqual([[], ['port/a']])
  })
}
