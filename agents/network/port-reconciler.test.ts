// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PortDocument } from '../../lib/contract/documents.ts'
import { createLogger } from '../../lib/log.ts'
import type { SwitchPort } from './port-driver.ts'
import type { RunContext } from '../runtime/reconciler.ts'
import { PortReconciler } from './port-reconciler.ts'
import { MemoryPortDriver } from './testing/memory-port-driver.ts'
import { FakeSysfs, someFunctions } from './virtual-functions/testing/fake-sysfs.ts'
import { VirtualFunctions } from './virtual-functions/virtual-functions.ts'

const UID = 'b1a7b1a7-0000-4000-8000-000000000001'
const document: PortDocument = {
  v: 1,
  kind: 'port',
  uid: UID,
  node: 'n1',
  name: 'p',
  versions: { incarnation: 1, term: 1, epoch: 1, generation: 1 },
  tombstone: false,
  spec: {
    logicalPort: UID,
    networkUid: 'net',
    mac: 'fa:16:3e:00:00:01',
    fixedIPs: [],
    mtu: 1442,
    vnicType: 'vhostuser',
  },
}
const context = {
  bootId: 'boot-1',
  signal: new AbortController().signal,
  log: createLogger('test', 'silent'),
} as unknown as RunContext

describe('a subport', () => {
  const SUB = 'b1a7b1a7-0000-4000-8000-000000000002'
  const subport = {
    ...document,
    uid: SUB,
    spec: { ...document.spec, parent: { portUid: UID, vlan: 100 } },
  } as PortDocument
  const at = { dataDir: '/none', runDir: '/none' }
  const plugged: SwitchPort = {
    ...{ kind: 'port', uid: UID, logicalPort: UID, mac: 'fa:16:3e:00:00:01' },
    ...{ type: 'device', device: 'tap1', instance: 'i' },
  }

  test('has no device of its own: it is what the interface of its parent is', async () => {
    const driver = new MemoryPortDriver()
    const reconciler = new PortReconciler({ driver, paths: at, services: [] })
    expect(await reconciler.reconcile(subport, context)).toMatchObject({
      state: 'plugging',
      facts: { ovnInstalled: false },
    })
    await driver.plug(plugged)
    expect(await reconciler.reconcile(subport, context)).toMatchObject({ state: 'active' })
    driver.say(UID, { installed: false })
    expect(await reconciler.reconcile(subport, context)).toMatchObject({ state: 'plugging' })
    expect(driver.list().map(({ uid }) => uid)).toEqual([UID])
  })
  test('leaves the switch when it was an interface before', async () => {
    const driver = new MemoryPortDriver()
    await driver.plug({ ...plugged, uid: SUB, logicalPort: SUB })
    await new PortReconciler({ driver, paths: at, services: [] }).reconcile(subport, context)
    expect(driver.list()).toEqual([])
  })
  test('is woken with its parent, until it is gone', async () => {
    const driver = new MemoryPortDriver()
    const reconciler = new PortReconciler({ driver, paths: at, services: [] })
    const woken: string[] = []
    const ended = new AbortController()
    await reconciler.start({ all: () => woken.push('all'), one: (uid) => woken.push(uid) }, ended.signal)
    await reconciler.reconcile(subport, context)
    await driver.plug(plugged)
    expect(new Set(woken)).toEqual(new Set([UID, SUB]))
    await reconciler.remove({ ...subport, tombstone: true } as never, context)
    woken.length = 0
    driver.say(UID, { linkUp: true })
    expect(new Set(woken)).toEqual(new Set([UID]))
    ended.abort()
  })
})

describe('a port of an SDN controller', () => {
  const controller = { name: 'sdn.example.com/l2', physicalNetwork: 'sdn' }
  const controlled = { ...document, spec: { ...document.spec, controller } } as PortDocument
  let dir: string, driver: MemoryPortDriver, bridge: string | undefined, now: number, reconciler: PortReconciler
  const attached: string[] = []
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'nephele-port-'))
    driver = new MemoryPortDriver()
    bridge = 'br-sdn'
    now = 0
    attached.length = 0
    const service = { attach: async () => void attached.push('x'), detach: async () => undefined }
    reconciler = new PortReconciler({
      ...{ driver, paths: { dataDir: dir, runDir: dir }, services: [service], installTimeoutMs: 10, now: () => now },
      bridgeOf: () => bridge,
    })
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))
  const reconcile = () => reconciler.reconcile(controlled, { ...context, node: 'n1' })
  const say = (installed: boolean) => driver.say(UID, { installed, linkUp: true })

  test('is plugged into the controller’s bridge, without a service of ours, and waits for its word', async () => {
    expect(await reconcile()).toMatchObject({ state: 'plugging', retryAfterMs: 60_000 })
    expect(driver.find('port', UID)?.controlled).toEqual({ controller: controller.name, bridge: 'br-sdn' })
    say(true)
    expect(await reconcile()).toMatchObject({ state: 'active' })
    expect([attached, driver.plugs.get(UID)]).toEqual([[], 1])
  })
  test('the time for a word begins when it is plugged, and again when the word is withdrawn', async () => {
    await reconcile()
    now = 60_000
    expect(await reconcile()).toMatchObject({ error: { reason: 'ExternalControllerSilent' } })
    say(true)
    expect(await reconcile()).toMatchObject({ state: 'active' })
    now = 100_000
    say(false)
    expect(await reconcile()).toMatchObject({ state: 'plugging', retryAfterMs: 60_000 })
    now = 160_000
    expect(await reconcile()).toMatchObject({ error: { reason: 'ExternalControllerSilent' } })
    expect(driver.plugs.get(UID)).toBe(1)
  })
  test('goes to another bridge, and waits anew; without one it says who has to look', async () => {
    await reconcile()
    say(true)
    now = 90_000
    bridge = 'br-2'
    expect(await reconcile()).toMatchObject({ state: 'plugging', retryAfterMs: 60_000 })
    bridge = undefined
    await expect(reconcile()).rejects.toMatchObject({ reason: 'NodeNotConnected' })
  })
})

describe('a virtual function', () => {
  const direct = {
    ...document,
    spec: { ...document.spec, vnicType: 'direct', virtualFunction: { physicalNetwork: 'dc' } },
  } as PortDocument
  const macvtap = { ...direct, spec: { ...direct.spec, vnicType: 'macvtap' } } as PortDocument
  const address = '0000:03:10.0'
  let dir: string, driver: MemoryPortDriver, sysfs: FakeSysfs, reconciler: PortReconciler, functions: VirtualFunctions
  const attached: string[] = []
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'nephele-port-'))
    sysfs = new FakeSysfs(dir)
    sysfs.card('ens1f0', '0000:03:00.0', someFunctions(1))
    driver = new MemoryPortDriver()
    attached.length = 0
    functions = new VirtualFunctions({ folder: join(dir, 'records'), root: dir, log: context.log })
    functions.want([{ name: 'dc', interface: 'eth1', physicalFunctions: ['ens1f0'] }])
    const service = { attach: async () => void attached.push('x'), detach: async () => undefined }
    const paths = { dataDir: dir, runDir: dir }
    reconciler = new PortReconciler({ driver, paths, services: [service], functions })
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))
  const reconcile = (of: PortDocument) => reconciler.reconcile(of, context)

  test.each([
    ['direct', direct, { address, driver: 'vfio-pci' }, { address }],
    ['macvtap', macvtap, someFunctions(1, { uppers: ['macvtap0'] })[0]!, { address, interface: 'ens1f0v0' }],
  ])('%s: is known before its machine has it, and nothing of it is in the switch', async (_, of, then, its) => {
    const idle = { address, interface: 'ens1f0v0' }
    expect(await reconcile(of)).toMatchObject({ state: 'plugging', facts: { linkUp: false, virtualFunction: idle } })
    sysfs.put(then)
    expect(await reconcile(of)).toMatchObject({ state: 'active', facts: { linkUp: true, virtualFunction: its } })
    sysfs.put(someFunctions(1)[0]!)
    expect(await reconcile(of)).toMatchObject({ state: 'plugging', facts: { virtualFunction: idle } })
    expect([driver.list(), attached]).toEqual([[], []])
  })
  test('is another port’s when the port is gone, and not before', async () => {
    const other = { ...direct, uid: 'other' }
    await reconcile(direct)
    expect(await reconciler.listOwned(context.signal)).toEqual([
      { kind: 'port', uid: UID, what: `virtual function ${address}` },
    ])
    await expect(reconcile(other)).rejects.toMatchObject({ reason: 'NoVirtualFunction' })
    expect(await reconciler.remove({ ...direct, tombstone: true } as never, context)).toEqual({ state: 'gone' })
    expect(await reconcile(other)).toMatchObject({ facts: { virtualFunction: { address } } })
  })
  test('a node that gives none says so', async () => {
    const without = new PortReconciler({ driver, paths: { dataDir: dir, runDir: dir }, services: [] })
    await expect(without.reconcile(macvtap, context)).rejects.toMatchObject({ reason: 'NoVirtualFunction' })
  })
})

test('a port goes, and what served it, also where the switch does not let go of its packet rates', async () => {
  const steps: string[] = []
  const service = { attach: () => Promise.resolve(), detach: () => Promise.resolve(void steps.push('detached')) }
  const keep = () => {
    steps.push('rates')
    return Promise.reject(new Error('no bridge'))
  }
  const paths = { dataDir: '/none', runDir: '/none' }
  const reconciler = new PortReconciler({
    driver: new MemoryPortDriver(),
    paths,
    services: [service],
    rates: { keep },
  })
  expect(await reconciler.remove({ ...document, tombstone: true } as never, context)).toEqual({ state: 'gone' })
  expect(steps).toEqual(['detached', 'rates'])
})

describe('a vhost-user port', () => {
  let dir: string, driver: MemoryPortDriver, reconciler: PortReconciler, run: string | undefined
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'nephele-port-'))
    driver = new MemoryPortDriver()
    run = '7/1000'
    const paths = { dataDir: dir, runDir: dir }
    const switchInstance = () => Promise.resolve(run)
    reconciler = new PortReconciler({ driver, paths, services: [], switchInstance, installTimeoutMs: 100 })
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  const reconcile = () => reconciler.reconcile(document, context)
  const plugs = () => driver.plugs.get(UID)
  const withoutGuest = { state: 'plugging', facts: { ovnInstalled: true, linkUp: false } }
  const withGuest = { state: 'active', facts: { ovnInstalled: true, linkUp: true } }

  test('is plugged before its guest is there, and once', async () => {
    expect(await reconcile()).toEqual(withoutGuest)
    expect(await reconcile()).toEqual(withoutGuest)
    driver.say(UID, { linkUp: true })
    expect(await reconcile()).toEqual(withGuest)
    expect(plugs()).toBe(1)
  })

  test('the switch started again and its guest came back: nothing to do', async () => {
    await reconcile()
    driver.say(UID, { linkUp: true })
    run = '8/2000'
    expect(await reconcile()).toEqual(withGuest)
    expect(plugs()).toBe(1)
  })

  test('it comes back while one looks', async () => {
    await reconcile()
    run = '8/2000'
    const looking = reconcile()
    setImmediate(() => driver.say(UID, { linkUp: true }))
    expect(await looking).toEqual(withGuest)
    expect(plugs()).toBe(1)
  })

  test('a switch that started again and still says that nobody is there may be wrong: plugged anew, once', async () => {
    await reconcile()
    run = '8/2000'
    await reconcile()
    expect(plugs()).toBe(2)
    expect(await reconcile()).toEqual(withoutGuest)
    expect(plugs()).toBe(2)
    // A guest that boots again under the same switch: its word counts.
    driver.say(UID, { linkUp: true })
    driver.say(UID, { linkUp: false })
    expect(await reconcile()).toEqual(withoutGuest)
    expect(plugs()).toBe(2)
  })

  test('while the switch does not run nothing is doubted', async () => {
    await reconcile()
    run = undefined
    expect(await reconcile()).toEqual(withoutGuest)
    expect(plugs()).toBe(1)
  })
})
