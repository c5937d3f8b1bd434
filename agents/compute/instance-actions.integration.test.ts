// SPDX-License-Identifier: Apache-2.0
// What is done to a machine once, by libvirt and QEMU: seen by the process that runs it, and by libvirt's events.
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { passwordUse, type InstanceDocument, type MachineAction } from '../../lib/contract/documents.ts'
import { LibvirtClient } from '../../lib/libvirt/client.ts'
import { createSealingKey, seal, sealingKeyOf, unseal } from '../../lib/pki/sealed.ts'
import { until } from '../../lib/time/until.ts'
import { startDriverNode, type DriverNode } from './drivers/libvirt/testing.ts'
import type { LibvirtInstanceDriver } from './drivers/libvirt/libvirt-instance-driver.ts'
import { InstanceReconciler } from './instance-reconciler.ts'
import { instanceDir } from './paths.ts'
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
