// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { LibvirtClient } from '../../lib/libvirt/client.ts'
import { DEFAULT_RESERVED } from '../../lib/node-room.ts'
import { until } from '../../lib/time/until.ts'
import { startDriverNode, type DriverNode } from './drivers/libvirt/testing.ts'
import type { LibvirtInstanceDriver } from './drivers/libvirt/libvirt-instance-driver.ts'
import { consoleDir, instanceDir } from './paths.ts'
import { InstanceReconciler } from './instance-reconciler.ts'
import { readCapacity } from './capacity.ts'
import { listHostCells } from './host-cells.ts'
import { instanceDocument, runContext, tombstoneOf } from './testing.ts'

const signal = new AbortController().signal
let hostStopping = false
let at: DriverNode
let client: LibvirtClient

beforeAll(async () => {
  at = await startDriverNode()
  client = new LibvirtClient({ socketPath: at.node.socketPath, uri: 'qemu:///system' })
}, 180_000)
afterAll(async () => {
  client?.close()
  await at?.node.stop()
})

function newReconciler(): { reconciler: InstanceReconciler; driver: LibvirtInstanceDriver } {
  const driver = at.newDriver()
  const reconciler = new InstanceReconciler({
    paths: at.paths,
    driver: { current: () => driver, ready: Promise.resolve(driver) },
    isHostStopping: async () => hostStopping,
    configDriveFiles: () => [{ path: 'openstack/latest/meta_data.json', content: '{}' }],
    readCapacity: (uids) =>
      readCapacity(at.paths, { reserved: DEFAULT_RESERVED, isEmulated: true, readCells: () => listHostCells() }, uids),
  })
  return { reconciler, driver }
}
const document = (overrides: Parameters<typeof instanceDocument>[0] = {}) =>
  instanceDocument({ image: { ...at.image }, memoryMiB: 128, ...overrides })
const context = (options: Parameters<typeof runContext>[0] = {}) => runContext({ image: at.image, ...options })
const domainNames = async (): Promise<string[]> =>
  (await client.call('listAllDomains', { needResults: 1, flags: 0 }, signal)).domains
    .map((domain) => domain.name)
    .filter((name) => name.startsWith('nephele-'))

describe('instances on a node with libvirt', () => {
  test('from a document to running, changes that wait, restart of libvirtd, and gone', async () => {
    const { reconciler, driver } = newReconciler()
    const wanted = document({ configDrive: true })
    const start = performance.now()
    expect(await reconciler.reconcile(wanted, context())).toMatchObject({
      state: 'running',
      facts: { stages: ['ImageCached'], hypervisor: 'libvirt' },
    })
    console.log(`document to running: ${(performance.now() - start).toFixed(0)} ms`)
    const again = performance.now()
    await reconciler.reconcile(wanted, context())
    console.log(`nothing to do: ${(performance.now() - again).toFixed(0)} ms`)

    const bigger = { ...wanted, spec: { ...wanted.spec, vcpus: 2, memoryMiB: 192 } }
    expect(await reconciler.reconcile(bigger, context())).toMatchObject({
      state: 'running',
      facts: { pendingChanges: ['vcpus', 'memoryMiB'] },
    })
    const stopped = { ...bigger, spec: { ...bigger.spec, runState: 'Stopped' as const } }
    const asked = await reconciler.reconcile(stopped, context())
    expect(asked).toMatchObject({ state: 'running', retryAfterMs: 5000 })
    await driver.setPower(wanted.uid, 'off', signal) // firmware hears no power button
    expect(await reconciler.reconcile(stopped, context())).toMatchObject({ state: 'stopped' })
    const restarted = await reconciler.reconcile(bigger, context())
    expect(restarted.state).toBe('running')
    expect(restarted.facts?.pendingChanges).toBeUndefined()

    const suspended = { ...bigger, spec: { ...bigger.spec, runState: 'Suspended' as const } }
    expect((await reconciler.reconcile(suspended, context())).state).toBe('suspended')
    const paused = { ...bigger, spec: { ...bigger.spec, runState: 'Paused' as const } }
    expect((await reconciler.reconcile(paused, context())).state).toBe('paused')
    expect((await reconciler.reconcile(bigger, context())).state).toBe('running')

    // The process dies: its machine comes again. The host "reboots": only with a grant.
    await at.node.exec(['pkill', '-9', '-f', `guest=nephele-${wanted.uid},`], { timeoutMs: 5_000 })
    await until(async () => (await driver.find(wanted.uid, signal))?.power === 'off', 'off', 5_000)
    const crashed = await reconciler.reconcile(bigger, context())
    expect(crashed).toMatchObject({ state: 'crashed', facts: { stoppedBecause: 'Crashed' } })
    expect(crashed.retryAfterMs).toBeGreaterThan(0)
    await until(async () => (await reconciler.reconcile(bigger, context())).state === 'running', 'running', 10_000, 200)
    await driver.setPower(wanted.uid, 'off', signal)
    expect(await reconciler.reconcile(bigger, context({ bootId: 'boot-2' }))).toMatchObject({
      state: 'stopped',
      facts: { stoppedBecause: 'HostRebooted' },
    })
    expect((await reconciler.reconcile(bigger, context({ bootId: 'boot-2', grantedBootId: 'boot-2' }))).state).toBe(
      'running',
    )

    expect(await reconciler.listOwned(signal)).toEqual([expect.objectContaining({ kind: 'instance', uid: wanted.uid })])
    const gone = performance.now()
    expect(await reconciler.remove(tombstoneOf(wanted), context())).toEqual({ state: 'gone' })
    console.log(`remove: ${(performance.now() - gone).toFixed(0)} ms`)
    await expectNothingLeft(wanted.uid, reconciler)
    driver.close()
  }, 60_000)

  test('killed at any point and started anew, there is one machine and one disk', async () => {
    let seed = 20_261_121
    const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647
    const wanted = document()
    for (let run = 0; run < 6; run++) {
      // A process that is killed leaves calls in libvirtd that nobody waits for: so does an aborted signal with its client closed.
      const { reconciler, driver } = newReconciler()
      const kill = new AbortController()
      const running = reconciler.reconcile(wanted, { ...context(), signal: kill.signal }).catch(() => undefined)
      await new Promise((resolve) => setTimeout(resolve, random() * 350))
      kill.abort(new Error('killed'))
      driver.close()
      await running
      expect((await domainNames()).length).toBeLessThanOrEqual(1)

      const next = newReconciler()
      const settle = async (): Promise<boolean> =>
        (await next.reconciler.reconcile(wanted, context()).catch(() => undefined))?.state === 'running'
      await until(settle, 'settled', 20_000, 100)
      await expectOneMachine(wanted.uid)
      // Every second time the next one is killed over a machine that runs.
      if (run % 2 === 1) {
        // A removal that is killed is finished by the next one.
        const stop = new AbortController()
        const removing = next.reconciler
          .remove(tombstoneOf(wanted), { ...context(), signal: stop.signal })
          .catch(() => undefined)
        await new Promise((resolve) => setTimeout(resolve, random() * 200))
        stop.abort(new Error('killed'))
        await removing
        expect(await next.reconciler.remove(tombstoneOf(wanted), context())).toEqual({ state: 'gone' })
        await expectNothingLeft(wanted.uid, next.reconciler)
      }
      next.driver.close()
    }
  }, 120_000)

  test('a host that goes down: what ends on it starts again in its next boot, and not before', async () => {
    const { reconciler, driver } = newReconciler()
    const wanted = document()
    expect((await reconciler.reconcile(wanted, context())).state).toBe('running')
    hostStopping = true
    await at.node.exec(['pkill', '-TERM', '-f', `guest=nephele-${wanted.uid},`], { timeoutMs: 5_000 })
    await until(async () => (await driver.find(wanted.uid, signal))?.power === 'off', 'off', 10_000)
    const rebooted = { state: 'stopped', facts: { stoppedBecause: 'HostRebooted' } }
    for (let look = 0; look < 2; look++) expect(await reconciler.reconcile(wanted, context())).toMatchObject(rebooted)
    hostStopping = false
    expect(await reconciler.reconcile(wanted, context({ bootId: 'boot-2' }))).toMatchObject(rebooted)
    const granted = context({ bootId: 'boot-2', grantedBootId: 'boot-2' })
    expect((await reconciler.reconcile(wanted, granted)).state).toBe('running')
    await reconciler.remove(tombstoneOf(wanted), context())
    driver.close()
  }, 60_000)

  test('waits for image and ports, and refuses what does not fit, before anything is made', async () => {
    const { reconciler, driver } = newReconciler()
    const wanted = document()
    const noImage = await reconciler.reconcile(wanted, runContext({}))
    expect(noImage).toMatchObject({ state: 'waiting', error: { reason: 'ImageNotReady', terminal: false } })
    const withPort = document({ ports: [{ uid: 'cccccccc-0000-4000-8000-000000000000', name: 'p', networkName: 'n' }] })
    expect(await reconciler.reconcile(withPort, context())).toMatchObject({ error: { reason: 'PortNotReady' } })
    const huge = document({ memoryMiB: 10_000_000 })
    await expect(reconciler.reconcile(huge, context())).rejects.toMatchObject({ reason: 'InsufficientResources' })
    expect(await reconciler.listOwned(signal)).toEqual([])
    driver.close()
  })
})

async function expectOneMachine(uid: string): Promise<void> {
  expect((await domainNames()).filter((name) => name.includes(uid))).toHaveLength(1)
  const { stdout } = await at.node.exec(['pgrep', '-c', '-f', `guest=nephele-${uid},`], { timeoutMs: 5_000 })
  expect(stdout.trim()).toBe('1')
  expect((await readdir(instanceDir(at.paths, uid))).sort()).toEqual(['power.json', 'root.qcow2'])
}

async function expectNothingLeft(uid: string, reconciler: InstanceReconciler): Promise<void> {
  expect(await domainNames()).toEqual([])
  expect(existsSync(instanceDir(at.paths, uid))).toBe(false)
  expect(await readdir(consoleDir(at.paths))).toEqual([])
  expect(await reconciler.listOwned(signal)).toEqual([])
  await expect(at.node.exec(['pgrep', '-f', `guest=nephele-${uid},`], { timeoutMs: 5_000 })).rejects.toThrow()
}
