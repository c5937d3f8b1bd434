// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PortDocument } from '../../lib/contract/documents.ts'
import { createLogger } from '../../lib/log.ts'
import type { RunContext } from '../runtime/reconciler.ts'
import { PortReconciler } from './port-reconciler.ts'
import { MemoryPortDriver } from './testing/memory-port-driver.ts'

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
