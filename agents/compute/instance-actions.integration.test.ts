// SPDX-License-Identifier: Apache-2.0
// What is done to a machine once, by libvirt and QEMU: seen by the process that runs it, and by libvirt's events.
import { copyFile, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { passwordUse, type InstanceDocument, type MachineAction } from '../../lib/contract/documents.ts'
import { LibvirtClient } from '../../lib/libvirt/client.ts'
import { createSealingKey, seal, sealingKeyOf, unseal } from '../../lib/pki/sealed.ts'
import { until } from '../../lib/time/until.ts'
import { startDriverNode, type DriverNode } from './drivers/libvirt/testing.ts'
import type { LibvirtInstanceDriver } from './drivers/libvirt/libvirt-instance-driver.ts'
import { InstanceReconciler } from './instance-reconciler.ts'
import { backingOf } from '../image/overlays.ts'
import { imageBaseDir, instanceDir } from './paths.ts'
import { instanceDocument, runContext, tombstoneOf } from './testing.ts'

let at: DriverNode
let client: LibvirtClient
let machine: InstanceDocument
let driver: LibvirtInstanceDriver
let reconciler: InstanceReconciler
/** As QEMU says it: of one reset from outside firmware may make two. */
let resets = 0
const privateKey = createSealingKey()
const key = sealingKeyOf(privateKey)
/** Calls of all agents. */
let deeds = 0
const ends = new AbortController()

beforeAll(async () => {
  at = await startDriverNode()
  client = new LibvirtClient({ socketPath: at.node.socketPath, uri: 'qemu:///system' })
  machine = instanceDocument({ image: { ...at.image }, memoryMiB: 128 })
  startAgent()
  const event = ({ kind }: { kind: string }) => {
    if (kind === 'reboot') resets += 1
  }
  const listening = Promise.withResolvers<undefined>()
  void client.watch({ event, connected: () => listening.resolve(undefined), lost: () => undefined }, ends.signal)
  await listening.promise
  expect((await run(machine)).state).toBe('running')
}, 180_000)
afterAll(async () => {
  await reconciler?.remove(tombstoneOf(machine), runContext({}))
  ends.abort()
  driver?.close()
  client?.close()
  await at?.node.stop()
}, 60_000)

function startAgent(): void {
  driver?.close()
  driver = at.newDriver()
  const act = driver.act.bind(driver)
  driver.act = (...args) => {
    deeds += 1
    return act(...args)
  }
  reconciler = new InstanceReconciler({
    ...{ paths: at.paths, driver: { current: () => driver, ready: Promise.resolve(driver) } },
    sealing: { open: async (sealed, purpose) => unseal(sealed, privateKey, { ...purpose, node: 'n1' }) },
    ...{ isHostStopping: async () => false, configDriveFiles: () => [], readCapacity: async () => undefined },
  })
}
const run = (document: InstanceDocument) => reconciler.reconcile(document, runContext({ image: at.image }))
const said = (document: InstanceDocument) =>
  reconciler.standingFacts(document, runContext({ image: at.image }).state).action
const uidOf = (number: number) => `${String(number).padStart(8, '0')}-0000-4000-8000-000000000000`
const asked = (number: number, type: string, more: Partial<MachineAction> = {}): InstanceDocument => {
  return { ...machine, spec: { ...machine.spec, action: { uid: uidOf(number), type, ...more } } }
}
const pidOf = async () =>
  (await at.node.exec(['pgrep', '-f', `guest=nephele-${machine.uid},`], { timeoutMs: 5_000 })).stdout.trim()
const settle = (document: InstanceDocument) =>
  until(async () => (await run(document), said(document)?.result !== undefined), 'an end', 30_000, 100)

test('a reset is one, in the same process, and is not repeated by a new agent', async () => {
  const [document, pid] = [asked(1, 'Reset'), await pidOf()]
  await settle(document)
  expect(said(document)).toMatchObject({ result: 'Succeeded' })
  startAgent()
  await run(document)
  await run(document)
  await until(async () => resets > 0, 'an event of the reset', 5_000)
  expect([deeds, await pidOf()]).toEqual([1, pid])
}, 60_000)

test('an interrupt reaches a machine that goes on', async () => {
  const [document, pid] = [asked(2, 'CrashDump'), await pidOf()]
  await settle(document)
  expect(said(document)).toMatchObject({ result: 'Succeeded', steps: [{ name: 'InterruptSent' }] })
  expect([(await driver.find(machine.uid, ends.signal))?.power, await pidOf()]).toEqual(['running', pid])
}, 60_000)

test('a hard reboot is another process, of the new size; the agent is another one in between', async () => {
  machine = { ...machine, spec: { ...machine.spec, memoryMiB: 192 } }
  const [document, pid] = [asked(3, 'HardReboot'), await pidOf()]
  expect(await run(document)).toMatchObject({ state: 'building' })
  startAgent()
  await settle(document)
  expect(said(document)).toMatchObject({ result: 'Succeeded' })
  const after = await pidOf()
  expect(after).not.toBe(pid)
  startAgent()
  expect((await run(document)).facts).toMatchObject({ memoryMiB: 192, restarts: 0 })
  expect(await pidOf()).toBe(after)
}, 60_000)

test('a machine whose disk is away is cut off and does not start, which is said before its deadline; it starts when it is back', async () => {
  const disk = join(instanceDir(at.paths, machine.uid), 'root.qcow2')
  await rename(disk, `${disk}.away`)
  const notAfter = new Date(Date.now() + 12_000).toISOString()
  const document = asked(6, 'HardReboot', { notAfter })
  await until(
    async () => (await run(document).catch(() => undefined), said(document)?.result !== undefined),
    'an end',
    30_000,
    200,
  )
  expect(said(document)).toMatchObject({ result: 'Failed', reason: 'StartFailed' })
  expect(said(document)?.steps.map(({ name }) => name)).toEqual(['ForcedOff', 'PoweredOff'])
  expect(Date.now()).toBeLessThan(Date.parse(notAfter))
  await rename(`${disk}.away`, disk)
  expect((await run(document)).state).toBe('running')
}, 60_000)

test('a machine whose QEMU is killed and that its policy leaves off runs again once its state is reset', async () => {
  const never = { ...machine, spec: { ...machine.spec, restartPolicy: 'Never' as const } }
  await at.node.exec(['kill', '-9', await pidOf()], { timeoutMs: 5_000 })
  await until(async () => (await run(never)).state === 'crashed', 'its end', 20_000, 100)
  const document = { ...never, spec: { ...never.spec, action: { uid: uidOf(7), type: 'ResetState' } } }
  await settle(document)
  expect(said(document)).toMatchObject({ result: 'Succeeded', steps: [{ name: 'StateReset' }] })
  expect((await run(document)).state).toBe('running')
}, 60_000)

test('a guest without an agent is given no password', async () => {
  const document = asked(5, 'SetAdminPassword', {
    sealedPassword: seal('s3cret', key, { node: 'n1', uid: machine.uid, ...passwordUse(uidOf(5)) }),
  })
  await settle(document)
  expect(said(document)).toMatchObject({ result: 'Failed', reason: 'NoGuestAgent' })
}, 60_000)

test('firmware hears no power button: a soft reboot of it is a hard one when its time is over', async () => {
  const document = asked(4, 'SoftReboot', { softTimeoutSeconds: 1 })
  await settle(document)
  expect(said(document)).toMatchObject({ result: 'Succeeded' })
  const steps = said(document)?.steps.map(({ name }) => name)
  expect(['ShutdownAsked', 'ForcedOff', 'PoweredOff', 'Started']).toEqual(expect.arrayContaining(steps ?? []))
  expect((await driver.find(machine.uid, ends.signal))?.power).toBe('running')
}, 60_000)

test('another root disk: made, defined and started from by one agent after the other; the former one goes', async () => {
  const [dir, bases] = [instanceDir(at.paths, machine.uid), imageBaseDir(at.paths)]
  const [sha256, other] = [at.image.sha256, 'a'.repeat(64)]
  await copyFile(join(bases, sha256), join(bases, other))
  const disks = async () => (await readdir(dir)).filter((name) => name.startsWith('root')).sort()
  const image = { uid: uidOf(80), sha256: other, format: 'qcow2' as const, properties: {} }
  const rebuild = { rootDisk: 1, requireKvm: false, image }
  const document = asked(8, 'Rebuild', { rebuild, softTimeoutSeconds: 1 })
  const [pid, seen] = [await pidOf(), new Set<string>()]
  await until(
    async () => {
      startAgent()
      await run(document)
      seen.add((await disks()).join(' '))
      return said(document)?.result !== undefined
    },
    'an end',
    30_000,
    100,
  )
  expect(said(document)).toMatchObject({ result: 'Succeeded' })
  expect([...seen]).toEqual(['root.qcow2', 'root.1.qcow2 root.qcow2', 'root.1.qcow2'])
  expect(await backingOf(join(dir, 'root.1.qcow2'))).toBe(join(bases, other))
  const found = await driver.find(machine.uid, ends.signal)
  expect([found?.power, found?.rootDisk, (await pidOf()) !== pid]).toEqual(['running', 1, true])
  // By a document that still says what it was made from before.
  await driver.setPower(machine.uid, 'off', ends.signal)
  const stopped = { ...machine, spec: { ...machine.spec, action: { uid: uidOf(9), type: 'HardReboot' } } }
  await settle(stopped)
  expect((await driver.find(machine.uid, ends.signal))?.rootDisk).toBe(1)
}, 90_000)

test('a rescue disk: QEMU boots from it, with the own root disk beside it, until that is ended; by one agent after the other', async () => {
  const [dir, bases] = [instanceDir(at.paths, machine.uid), imageBaseDir(at.paths)]
  const other = 'b'.repeat(64)
  await copyFile(join(bases, at.image.sha256), join(bases, other))
  const disks = async () => (await readdir(dir)).filter((name) => /^(root|rescue)/.test(name)).sort()
  const rescue = {
    ...{ disk: 2, requireKvm: false, sizeGiB: 1 },
    image: { uid: uidOf(81), sha256: other, format: 'qcow2' as const, properties: {} },
  }
  const rescued = asked(70, 'Rescue', { rescue, softTimeoutSeconds: 1 })
  const one = async (document: InstanceDocument) => {
    const end = async () => {
      startAgent()
      await run(document)
      return said(document)?.result !== undefined
    }
    await until(end, 'an end', 30_000, 100)
    return said(document)
  }
  const found = async () => {
    const { power, rootDisk, rescueDisk } = (await driver.find(machine.uid, ends.signal)) ?? {}
    return [power, rootDisk, rescueDisk]
  }
  /** As QEMU has them, by its command line: what it boots from has the first index. */
  const files = async () =>
    (await at.node.exec(['cat', `/proc/${await pidOf()}/cmdline`], { timeoutMs: 5_000 })).stdout
      .split('\0')
      .flatMap((word) => /"filename":"[^"]*\/(root|rescue)([.0-9]*)\.qcow2"/.exec(word)?.[1] ?? [])
  const before = await pidOf()
  expect(await one(rescued)).toMatchObject({ result: 'Succeeded' })
  expect([await found(), await disks()]).toEqual([
    ['running', 1, 2],
    ['rescue.2.qcow2', 'root.1.qcow2'],
  ])
  expect([await files(), (await pidOf()) !== before]).toEqual([['rescue', 'root'], true])
  expect(await backingOf(join(dir, 'rescue.2.qcow2'))).toBe(join(bases, other))
  await one(asked(71, 'HardReboot'))
  expect(await found()).toEqual(['running', 1, 2])
  expect(await one(asked(72, 'Unrescue', { rescueDisk: 2, softTimeoutSeconds: 1 }))).toMatchObject({
    result: 'Succeeded',
  })
  // What is no more needed goes with the next run.
  await run(machine)
  expect([await found(), await disks(), await files()]).toEqual([['running', 1, undefined], ['root.1.qcow2'], ['root']])
}, 90_000)
