// SPDX-License-Identifier: Apache-2.0
// Copies of root disks by libvirt and QEMU, of machines that run and of one that is off; what is in them is read back by qemu-img.
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { InstanceDocument, MachineAction } from '../../lib/contract/documents.ts'
import { until } from '../../lib/time/until.ts'
import type { ImageServer, Offer } from '../transfer/image-server.ts'
import { startDriverNode, type DriverNode } from './drivers/libvirt/testing.ts'
import type { LibvirtInstanceDriver } from './drivers/libvirt/libvirt-instance-driver.ts'
import { InstanceReconciler } from './instance-reconciler.ts'
import { instanceDir } from './paths.ts'
import { instanceDocument, runContext, tombstoneOf } from './testing.ts'

let at: DriverNode
let machine: InstanceDocument
let driver: LibvirtInstanceDriver
let reconciler: InstanceReconciler
const ends = new AbortController()
let agent = new AbortController()
const offers = new Map<string, Offer>()
const imageServer: Pick<ImageServer, 'offer' | 'withdraw'> = {
  offer: async (_by, uid, offer) => void offers.set(uid, offer),
  withdraw: async (_by, uid) => void offers.delete(uid),
}

beforeAll(async () => {
  at = await startDriverNode()
  machine = instanceDocument({ image: { ...at.image }, memoryMiB: 128 })
  startAgent()
  expect((await run(machine)).state).toBe('running')
}, 180_000)
afterAll(async () => {
  await reconciler?.remove(tombstoneOf(machine), runContext({}))
  ends.abort()
  agent.abort()
  driver?.close()
  await at?.node.stop()
}, 60_000)

function startAgent(): void {
  agent.abort()
  agent = new AbortController()
  driver?.close()
  driver = at.newDriver()
  reconciler = new InstanceReconciler({
    ...{ paths: at.paths, driver: { current: () => driver, ready: Promise.resolve(driver) }, imageServer },
    ...{ isHostStopping: async () => false, configDriveFiles: () => [], readCapacity: async () => undefined },
  })
  void reconciler.start({ one: () => undefined, all: () => undefined }, agent.signal)
}
const run = (document: InstanceDocument) => reconciler.reconcile(document, runContext({ image: at.image }))
const said = (document: InstanceDocument) =>
  reconciler.standingFacts(document, runContext({ image: at.image }).state).action
const uidOf = (number: number) => `${String(number).padStart(8, '0')}-0000-4000-8000-000000000000`
const asked = (number: number, quiesce: 'IfPossible' | 'Required' | 'Never' = 'IfPossible', of = machine) => {
  const snapshot = { imageUid: uidOf(number + 50), quiesce, readers: [{ node: 's1', key: 'a'.repeat(40) }] }
  const action: MachineAction = { uid: uidOf(number), type: 'Snapshot', snapshot }
  return { ...of, spec: { ...of.spec, action } }
}
const settle = (document: InstanceDocument) =>
  until(async () => (await run(document), said(document)?.result !== undefined), 'an end', 60_000, 200)
const files = async () =>
  (await readdir(instanceDir(at.paths, machine.uid))).filter((name) => /capture|frozen/.test(name))
const qemuImg = async (...args: string[]) => (await at.node.exec(['qemu-img', ...args], { timeoutMs: 30_000 })).stdout
/** What a guest sees on a disk. */
const bytesOf = async (path: string, how: string[] = []) => {
  const raw = join(at.node.work, 'bytes.raw')
  await qemuImg('convert', '-U', ...how, '-O', 'raw', path, raw)
  return createHash('sha256')
    .update(await readFile(raw))
    .digest('hex')
}

test('of a machine that runs: whole, by itself, served to those that are named, and gone when it is not asked for any more', async () => {
  const document = asked(1)
  await settle(document)
  expect(said(document)).toMatchObject({ result: 'Succeeded', steps: [{ name: 'DiskRead' }] })
  const { sha256, virtualSizeBytes } = said(document)!.captured!
  await run(document)
  const { path, readers } = offers.get(uidOf(51))!
  expect(readers).toEqual([{ node: 's1', key: 'a'.repeat(40) }])
  expect(
    createHash('sha256')
      .update(await readFile(path))
      .digest('hex'),
  ).toBe(sha256)
  const info = JSON.parse(await qemuImg('info', '--output=json', path)) as Record<string, unknown>
  expect(info).toMatchObject({ format: 'qcow2', 'virtual-size': virtualSizeBytes })
  expect(info['backing-filename']).toBeUndefined()
  await qemuImg('check', '-q', path)
  expect(await bytesOf(path)).toBe(await bytesOf(join(instanceDir(at.paths, machine.uid), 'root.qcow2')))
  expect((await driver.find(machine.uid, ends.signal))?.power).toBe('running')
  expect(await files()).toEqual([`capture.${uidOf(51)}.qcow2`])
  await run(machine)
  expect([await files(), offers.size]).toEqual([[], 0])
}, 90_000)

test('without an agent in the guest none is taken that has to be quiet; nothing is left frozen', async () => {
  const document = asked(2, 'Required')
  await settle(document)
  expect(said(document)).toMatchObject({ result: 'Failed', reason: 'NoGuestAgent' })
  await run(document)
  expect(await files()).toEqual([])
}, 60_000)

test('an agent that is started anew reports one that was interrupted, and nothing of it is left', async () => {
  const document = asked(3)
  await run(document)
  startAgent()
  await settle(document)
  expect(said(document)).toMatchObject({ result: 'Failed', reason: 'SnapshotInterrupted' })
  await until(async () => (await run(document), (await files()).length === 0), 'no files', 30_000, 200)
  // QEMU takes part in no job any more: another one can begin.
  const next = asked(4)
  await settle(next)
  expect(said(next)).toMatchObject({ result: 'Succeeded' })
}, 90_000)

test('given up: what was begun ends, and the machine runs on', async () => {
  await run(asked(5))
  await run(machine)
  await until(async () => (await run(machine), (await files()).length === 0), 'no files', 30_000, 200)
  expect((await driver.find(machine.uid, ends.signal))?.power).toBe('running')
  await run(asked(5))
  expect(said(asked(5))).toMatchObject({ result: 'Failed', reason: 'Cancelled' })
}, 60_000)

test('of a machine that is off: the same bytes; it does not start before they are read', async () => {
  const stopped = { ...machine, spec: { ...machine.spec, runState: 'Stopped' as const } }
  await driver.setPower(machine.uid, 'off', ends.signal)
  expect((await run(stopped)).state).toBe('stopped')
  const before = await bytesOf(join(instanceDir(at.paths, machine.uid), 'root.qcow2'))
  // Such a small disk is read in less time than a run takes, which then rightly starts the machine.
  const held = Promise.withResolvers<undefined>()
  const order: string[] = []
  const [capture, setPower] = [driver.captureDisk.bind(driver), driver.setPower.bind(driver)]
  driver.captureDisk = async (want, signal) => {
    await held.promise
    const onDiskFree = () => {
      order.push('read')
      want.onDiskFree()
    }
    return capture({ ...want, onDiskFree }, signal)
  }
  driver.setPower = async (uid, action, signal) => (order.push(action), setPower(uid, action, signal))
  // Asked for together with the start: its turn comes in this very run.
  const started = asked(6)
  for (let time = 0; time < 3; time++) expect((await run(started)).state).toBe('stopped')
  expect((await driver.find(machine.uid, ends.signal))?.power).toBe('off')
  held.resolve(undefined)
  await settle(started)
  expect(said(started)).toMatchObject({ result: 'Succeeded' })
  const path = driver.capturePath(machine.uid, uidOf(56))
  expect(existsSync(path)).toBe(true)
  const info = JSON.parse(await qemuImg('info', '--output=json', path)) as Record<string, unknown>
  expect(info['backing-filename']).toBeUndefined()
  await qemuImg('check', '-q', path)
  expect(await bytesOf(path)).toBe(before)
  await until(async () => (await run(started)).state === 'running', 'it runs', 30_000, 200)
  expect(order).toEqual(['read', 'on'])
}, 90_000)
