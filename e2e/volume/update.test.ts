// SPDX-License-Identifier: Apache-2.0
// One volume in two running machines on two nodes, one after the other: hot-plugged, grown while it is used, moved, served to its
// holder's node alone.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { INSTANCE, VOLUME } from '../../lib/api/kinds.ts'
import type { Instance, Volume } from '../../lib/api/types.ts'
import type { GuestDoor } from '../harness/guest-door.ts'
import { tryNbd } from '../harness/nbd-client.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForObject, waitForReady, waitUntilTrue } from '../harness/wait.ts'

const SECTORS_PER_GIB = 2 ** 21
const TEXT = 'written by one'

let project: Project
let door: GuestDoor
let one: Instance
let two: Instance
beforeAll(async () => {
  project = await Project.create('volumes', { net: '10.61.0.0/24' })
  await project.createVolume('data')
  ;({ one, two, door } = await project.bootGuests({
    one: { availabilityZone: 'zone-a' },
    two: { availabilityZone: 'zone-b' },
  }))
}, 240_000)
afterAll(() => project.destroy(), 180_000)

const setVolumes = (machine: string, ...names: string[]) =>
  project.patch(INSTANCE, machine, { spec: { volumes: names.map((name) => ({ volumeRef: { name } })) } })

const waitForVolume = (what: string, accept: (volume: Volume) => boolean) =>
  waitForObject<Volume>(project.test.client, VOLUME, project.at('data'), (v) => v !== undefined && accept(v), {
    what,
    timeoutMs: 90_000,
  }) as Promise<Volume>

/** Sectors of the guest's second disk; 0 when it has none. */
const sectors = async (guest: Instance) =>
  Number(await door.ssh(guest, 'cat /sys/block/vdb/size 2>/dev/null || echo 0'))

test('a volume that a running machine names appears in it as a disk', async () => {
  expect(await sectors(one)).toBe(0)
  await setVolumes('one', 'data')
  await project.waitActive('one')
  expect((await waitForVolume('in-use', (v) => v.status?.state === 'in-use')).status?.attachedTo).toMatchObject({
    name: 'one',
    node: one.status?.node,
  })
  await waitUntilTrue('the disk', async () => (await sectors(one)) === SECTORS_PER_GIB || undefined)
  await door.ssh(one, `echo '${TEXT}' > /tmp/t; dd if=/tmp/t of=/dev/vdb conv=notrunc,fsync 2>&1`)
}, 180_000)

test('a second machine that names it waits and is told who has it', async () => {
  await setVolumes('two', 'data')
  const message = await waitForCondition(project.test.client, INSTANCE, project.at('two'), {
    type: 'Reconciling',
    reason: 'VolumeInUse',
  })
  expect(message).toContain('Volume data')
  expect(message).toContain('Instance one')
  expect(await sectors(two)).toBe(0)
}, 90_000)

test('the connection takes TLS from the holder’s node alone', async () => {
  const { client, cloud } = project.test
  const volume = await client.get<Volume>(VOLUME, project.at('data'))
  const [mine, other] = [one.status?.node ?? '', two.status?.node ?? '']
  const found = await cloud.exec(mine, ['virsh', 'dumpxml', one.metadata.uid])
  expect(found.stdout).toMatch(new RegExp(`protocol='nbd' name='${volume.metadata.uid}' tls='yes'`))
  const at = /<host name='([^']+)' port='(\d+)'\/>/.exec(found.stdout)
  const server = {
    host: at?.[1] ?? '',
    port: Number(at?.[2]),
    exportName: volume.metadata.uid,
    name: volume.status?.node ?? '',
  }
  expect(await tryNbd(cloud, mine, server, 'certificate')).toBe('connected')
  expect(await tryNbd(cloud, mine, server, 'no certificate')).toMatch(/refused/)
  expect(await tryNbd(cloud, mine, server, 'no TLS')).toMatch(/refused/)
  expect(await tryNbd(cloud, other, server, 'certificate')).toMatch(/refused/)
}, 90_000)

test('it grows while the machine uses it, and keeps what is on it', async () => {
  const boot = await door.ssh(one, 'cat /proc/sys/kernel/random/boot_id')
  await project.patch(VOLUME, 'data', { spec: { sizeGiB: 2 } })
  await waitForVolume('2 GiB', (v) => v.status?.sizeGiB === 2)
  await waitUntilTrue('the guest to see 2 GiB', async () => (await sectors(one)) === 2 * SECTORS_PER_GIB || undefined)
  await door.ssh(one, 'dd if=/tmp/t of=/dev/vdb bs=1M seek=2047 conv=notrunc,fsync 2>&1')
  await door.ssh(one, 'echo 3 > /proc/sys/vm/drop_caches')
  const read = (skip: number) => door.ssh(one, `dd if=/dev/vdb bs=1M skip=${skip} count=1 2>/dev/null | head -n 1`)
  expect([await read(0), await read(2047)]).toEqual([TEXT, TEXT])
  expect(await door.ssh(one, 'cat /proc/sys/kernel/random/boot_id')).toBe(boot)
  await waitForReady(project.test.client, VOLUME, project.at('data'))
}, 180_000)

test('taken out of one machine it vanishes there, and the one that waits has it with its data', async () => {
  await setVolumes('one')
  await waitForVolume('with two', (v) => v.status?.attachedTo?.name === 'two')
  expect(await sectors(one)).toBe(0)
  await project.waitActive('two')
  await waitUntilTrue('the disk', async () => (await sectors(two)) === 2 * SECTORS_PER_GIB || undefined)
  expect(await door.ssh(two, 'head -n 1 /dev/vdb')).toBe(TEXT)
  await project.waitActive('one')
}, 180_000)

test('deleted in the end, nothing of it is left', async () => {
  await setVolumes('two')
  await waitForVolume('available', (v) => v.status?.state === 'available' && v.status.attachedTo === undefined)
  const { uid } = await project.test.client.get<Volume>(VOLUME, project.at('data')).then((v) => v.metadata)
  await project.remove(VOLUME, 'data')
  expect((await project.findLeftovers()).filter((line) => line.includes(uid))).toEqual([])
}, 120_000)
