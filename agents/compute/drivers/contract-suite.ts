// SPDX-License-Identifier: Apache-2.0
// What every InstanceDriver keeps to. Called inside of `describe` by the tests of each driver, the fake included.
import { expect, test } from '@jest/globals'
import { randomUUID } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { isTerminal } from '../../../lib/errors.ts'
import type { InstanceDriver, InstanceWant } from '../instance-driver.ts'
import { nicWant } from './testing.ts'

export interface InstanceDriverUnderTest {
  driver: InstanceDriver
  /** A machine that this driver can run. */
  want: (overrides?: Partial<InstanceWant>) => InstanceWant
  /** The connection of a volume that exists. */
  volume: () => Promise<InstanceWant['volumes'][number]>
}

const signal = new AbortController().signal
const sorted = (uids: readonly string[] | undefined): string[] => [...(uids ?? [])].sort()

/** @param setup called by each test: the driver may be made but once */
export function instanceDriverContract(setup: () => InstanceDriverUnderTest): void {
  test('a machine that is not there', async () => {
    const { driver } = setup()
    const uid = randomUUID()
    expect(await driver.find(uid, signal)).toBeUndefined()
    await driver.remove(uid, signal)
    await driver.setPower(uid, 'off', signal)
    await expect(driver.setPower(uid, 'on', signal)).rejects.toMatchObject({ reason: 'DomainMissing' })
    await expect(driver.stats(uid, signal)).rejects.toThrow()
  })

  test('says what it is', async () => {
    const { driver } = setup()
    const facts = await driver.probe(signal)
    expect(facts.version).not.toBe('')
    if (facts.acceleration === 'qemu') expect(facts.accelerationReason).toBeTruthy()
  }, 30_000)

  test('define, on, pause, resume, save, on, off, remove; each twice', async () => {
    const { driver, want } = setup()
    const machine = want()
    const { uid } = machine
    const twice = async (run: () => Promise<unknown>): Promise<void> => {
      await run()
      await run()
    }
    const power = async () => (await driver.find(uid, signal))?.power
    await twice(() => driver.ensure(machine, signal))
    expect(await driver.find(uid, signal)).toMatchObject({
      uid,
      epoch: 1,
      namespace: 'team-a',
      name: 'vm1',
      power: 'off',
      volumes: [],
    })
    await twice(() => driver.setPower(uid, 'on', signal))
    expect(await power()).toBe('running')
    await twice(() => driver.setPower(uid, 'pause', signal))
    expect(await power()).toBe('paused')
    await twice(() => driver.setPower(uid, 'resume', signal))
    expect(await power()).toBe('running')
    await twice(() => driver.setPower(uid, 'save', signal))
    expect(await power()).toBe('saved')
    await twice(() => driver.setPower(uid, 'on', signal))
    expect(await power()).toBe('running')
    expect((await driver.list(signal)).filter((entry) => entry.uid === uid)).toHaveLength(1)
    await twice(() => driver.setPower(uid, 'off', signal))
    expect(await driver.find(uid, signal)).toMatchObject({ power: 'off', offReason: 'destroyed' })
    await driver.setPower(uid, 'on', signal)
    await driver.setPower(uid, 'save', signal)
    await driver.setPower(uid, 'off', signal)
    expect(await power()).toBe('off')
    await twice(() => driver.remove(uid, signal))
    expect(await driver.find(uid, signal)).toBeUndefined()
    expect((await driver.list(signal)).filter((entry) => entry.uid === uid)).toEqual([])
  }, 60_000)

  test('another root disk is made beside the one that it has, which stays until it has started from the next', async () => {
    const { driver, want } = setup()
    const machine = want({ swapMiB: 1, ephemeralGiB: 1 })
    const { uid } = machine
    const next = { ...machine, disks: { root: 2, ephemeral: 2 } }
    const rootDisk = async () => (await driver.find(uid, signal))?.rootDisk
    await driver.ensure(machine, signal)
    expect(await rootDisk()).toBe(0)
    for (let time = 0; time < 2; time++) await driver.makeDisks(next, signal)
    expect(await rootDisk()).toBe(0)
    await driver.setPower(uid, 'on', signal)
    await driver.setPower(uid, 'off', signal)
    await driver.ensure(next, signal)
    expect(await rootDisk()).toBe(2)
    // It is defined with the other one.
    await expect(driver.keepDisks(uid, { root: 0, ephemeral: 0 }, 2, signal)).rejects.toMatchObject({
      reason: 'DiskInUse',
    })
    await driver.setPower(uid, 'on', signal)
    expect(await rootDisk()).toBe(2)
    for (let time = 0; time < 2; time++) await driver.keepDisks(uid, { root: 2, ephemeral: 2 }, 2, signal)
    await driver.setPower(uid, 'off', signal)
    await driver.ensure(next, signal)
    await driver.setPower(uid, 'on', signal)
    expect(await rootDisk()).toBe(2)
    // On the image that it was made from, and on no other.
    await driver.setPower(uid, 'off', signal)
    const mixedUp = { ...next, root: { ...next.root, sha256: 'f'.repeat(64) } }
    await expect(driver.ensure(mixedUp, signal)).rejects.toMatchObject({ reason: 'RootDiskOfOtherImage' })
    await driver.remove(uid, signal)
  }, 60_000)

  test('a rescue disk is one more, which it boots from as long as it is defined with it', async () => {
    const { driver, want } = setup()
    const machine = want({ swapMiB: 1, ephemeralGiB: 1 })
    const { uid, root } = machine
    const rescued = { ...machine, rescue: { ...root, number: 2 } }
    const disks = async () => {
      const { rootDisk, rescueDisk } = (await driver.find(uid, signal)) ?? {}
      return [rootDisk, rescueDisk]
    }
    await driver.ensure(machine, signal)
    for (let time = 0; time < 2; time++) await driver.makeDisks(rescued, signal)
    expect(await disks()).toEqual([0, undefined])
    await driver.ensure(rescued, signal)
    expect(await disks()).toEqual([0, 2])
    await expect(driver.keepDisks(uid, { root: 0, ephemeral: 0 }, 2, signal)).rejects.toMatchObject({
      reason: 'DiskInUse',
    })
    await driver.setPower(uid, 'on', signal)
    await driver.keepDisks(uid, { root: 0, ephemeral: 0, rescue: 2 }, 2, signal)
    // It is on: what it is to be takes effect at its next start.
    await driver.ensure(machine, signal)
    expect(await disks()).toEqual([0, 2])
    await driver.setPower(uid, 'off', signal)
    await driver.ensure(machine, signal)
    for (let time = 0; time < 2; time++) await driver.keepDisks(uid, { root: 0, ephemeral: 0 }, 2, signal)
    await driver.setPower(uid, 'on', signal)
    expect(await disks()).toEqual([0, undefined])
    await driver.remove(uid, signal)
  }, 60_000)

  test('whoever finds it knows its interfaces, and whose network they are on; off or on', async () => {
    const { driver, want } = setup()
    const nic = nicWant({ network: 'team-a/lan' })
    const machine = want({ nics: [nic] })
    const { mac, portUid, networkUid, network, addresses } = nic
    await driver.ensure(machine, signal)
    const found = async () => (await driver.list(signal)).find((entry) => entry.uid === machine.uid)?.nics
    expect(await found()).toEqual([{ mac, portUid, networkUid, network, addresses }])
    await driver.setPower(machine.uid, 'on', signal)
    await driver.ensure({ ...machine, epoch: 2 }, signal)
    expect(await found()).toEqual([{ mac, portUid, networkUid, network, addresses }])
    await driver.remove(machine.uid, signal)
  }, 60_000)

  test('what was cut short does not come after the removal', async () => {
    const { driver, want } = setup()
    for (let ms = 0; ms < 40; ms += 4) {
      const machine = want()
      const stop = new AbortController()
      const building = driver.ensure(machine, stop.signal).then(() => driver.setPower(machine.uid, 'on', stop.signal))
      const timer = setTimeout(() => stop.abort(), ms)
      await building.catch(() => undefined)
      clearTimeout(timer)
      await driver.remove(machine.uid, signal)
      expect(await driver.find(machine.uid, signal)).toBeUndefined()
    }
    // A call in progress would be carried out before one made after it was answered.
    expect(await driver.list(signal)).toEqual([])
  }, 60_000)

  test('a running machine is adopted, not changed; a newer epoch is recorded, an older one refused', async () => {
    const { driver, want } = setup()
    const machine = want({ epoch: 2 })
    const { uid } = machine
    await driver.ensure(machine, signal)
    await driver.setPower(uid, 'on', signal)
    const adopted = await driver.ensure({ ...machine, epoch: 3, vcpus: 2, memoryMiB: 256 }, signal)
    expect(adopted).toMatchObject({ epoch: 3, vcpus: 1, memoryMiB: 128, power: 'running' })
    const refused = await driver.ensure({ ...machine, epoch: 2 }, signal).catch((error: unknown) => error)
    expect(isTerminal(refused) && refused.reason).toBe('StaleEpoch')
    await driver.setPower(uid, 'off', signal)
    expect(await driver.ensure({ ...machine, epoch: 3, vcpus: 2, memoryMiB: 256 }, signal)).toMatchObject({
      vcpus: 2,
      memoryMiB: 256,
    })
    await driver.remove(uid, signal)
  }, 30_000)

  test('volumes come with the definition, and while it runs', async () => {
    const { driver, want, volume } = setup()
    const [first, second] = [await volume(), await volume()]
    const machine = want({ volumes: [first] })
    const { uid } = machine
    await driver.ensure(machine, signal)
    await driver.setPower(uid, 'on', signal)
    expect((await driver.find(uid, signal))?.volumes).toEqual([first.uid])
    const more = { ...machine, volumes: [first, second] }
    expect((await driver.ensure(more, signal)).volumes).toEqual([first.uid])
    await driver.ensureVolumes(more, signal)
    expect(sorted((await driver.ensureVolumes(more, signal)).volumes)).toEqual(sorted([first.uid, second.uid]))
    await driver.setPower(uid, 'off', signal)
    expect((await driver.ensure(machine, signal)).volumes).toEqual([first.uid])
    expect((await driver.ensureVolumes(machine, signal)).volumes).toEqual([first.uid])
    await driver.remove(uid, signal)
  }, 30_000)

  test('interfaces come with the definition, and while it runs; each keeps its own', async () => {
    const { driver, want } = setup()
    const nics = [0, 1, 2].map((n) => nicWant({ slot: n, mac: `fa:16:3e:00:01:0${n}` }))
    const ports = nics.map(({ portUid }) => portUid)
    const machine = want({ nics: nics.slice(0, 1), ports: ports.slice(0, 1) })
    const { uid } = machine
    expect((await driver.ensure(machine, signal)).ports).toEqual(ports.slice(0, 1))
    await driver.setPower(uid, 'on', signal)
    const more = { ...machine, nics, ports }
    expect((await driver.ensure(more, signal)).ports).toEqual(ports.slice(0, 1))
    await driver.ensureNics(more, signal)
    expect(sorted((await driver.ensureNics(more, signal)).ports)).toEqual(sorted(ports))
    const marked = async () => (await driver.list(signal)).find((entry) => entry.uid === uid)?.nics
    expect(sorted((await marked())?.map(({ mac }) => mac))).toEqual(sorted(nics.map(({ mac }) => mac)))
    // One whose port's document is not here is not taken out.
    const partly = { ...more, nics: nics.slice(1) }
    expect(sorted((await driver.ensureNics(partly, signal)).ports)).toEqual(sorted(ports))
    await driver.setPower(uid, 'off', signal)
    const less = { ...more, nics: nics.slice(2), ports: ports.slice(2) }
    expect((await driver.ensure(less, signal)).ports).toEqual(ports.slice(2))
    expect((await driver.ensureNics(less, signal)).ports).toEqual(ports.slice(2))
    await driver.remove(uid, signal)
  }, 60_000)

  test('KVM that is not there is refused', async () => {
    const { driver, want } = setup()
    if ((await driver.probe(signal)).acceleration === 'kvm') return
    const refused = await driver.ensure(want({ requireKvm: true }), signal).catch((error: unknown) => error)
    expect(isTerminal(refused) && refused.reason).toBe('AccelerationMissing')
  })

  test('looking after a machine that is off tells nobody, or each look would cause the next', async () => {
    const { driver, want } = setup()
    const [off, other] = [want(), want()]
    await driver.ensure(off, signal)
    const watch = await startWatching(driver)
    for (let i = 0; i < 3; i++) await driver.ensure(off, signal)
    await driver.ensure(other, signal)
    await driver.setPower(other.uid, 'on', signal)
    await watch.until(other.uid)
    // Events come in order: one for the first machine would have arrived before.
    expect(watch.seen).not.toContain(off.uid)
    await watch.stop()
    for (const { uid } of [off, other]) await driver.remove(uid, signal)
  }, 30_000)

  test('tells of changes', async () => {
    const { driver, want } = setup()
    const machine = want()
    const watch = await startWatching(driver)
    await driver.ensure(machine, signal)
    await driver.setPower(machine.uid, 'on', signal)
    await watch.until(machine.uid)
    await driver.remove(machine.uid, signal)
    expect(new Set(watch.seen)).toEqual(new Set([machine.uid]))
    await watch.stop()
  }, 30_000)
}

/** The uids that the driver reports as changed, in order, from its first resync on. */
async function startWatching(
  driver: InstanceDriver,
): Promise<{ seen: readonly string[]; until: (uid: string) => Promise<void>; stop: () => Promise<void> }> {
  const seen: string[] = []
  const told = new EventEmitter()
  const abort = new AbortController()
  const resynced = Promise.withResolvers<undefined>()
  const listener = {
    changed: (uid: string) => {
      seen.push(uid)
      told.emit(uid)
    },
    resync: () => resynced.resolve(undefined),
  }
  const watching = driver.watch(listener, abort.signal)
  await resynced.promise
  return {
    seen,
    until: async (uid) => {
      if (!seen.includes(uid)) await once(told, uid)
    },
    stop: async () => {
      abort.abort()
      await watching
    },
  }
}
