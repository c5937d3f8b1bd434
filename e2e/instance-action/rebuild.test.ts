// SPDX-License-Identifier: Apache-2.0
// A guest gets another root disk: what was on the former one is gone; its addresses, its UID and its volume are the same. One whose Image cannot be had runs on.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { IMAGE, INSTANCE, INSTANCE_ACTION } from '../../lib/api/kinds.ts'
import type { Image, Instance, InstanceAction } from '../../lib/api/types.ts'
import { findCondition } from '../../lib/conditions.ts'
import * as draft from '../harness/objects.ts'
import type { GuestDoor } from '../harness/guest-door.ts'
import { Project } from '../harness/project.ts'
import { waitForObject, waitForReady, waitUntilTrue } from '../harness/wait.ts'

const NODE = 'compute-1'
/** Far behind what the image has written, in 512 byte sectors. */
const SECTOR = 200_000
let project: Project
let door: GuestDoor
let uid: string
beforeAll(async () => {
  project = await Project.create('rebuild', { net: '10.89.0.0/24' })
  await project.createVolume('data')
  const volumes = [{ volumeRef: { name: 'data' } }]
  ;({ door } = await project.bootGuests({ vm: { availabilityZone: 'zone-a', volumes } }))
  uid = (await project.get('vm')).metadata.uid
}, 240_000)
afterAll(async () => {
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

const inGuest = async (script: string) => (await door.ssh(await project.get('vm'), script)).trim()
const write = (disk: string, mark: string) =>
  inGuest(`printf ${mark} | dd of=/dev/${disk} bs=512 seek=${SECTOR} conv=notrunc,fsync 2>/dev/null; sync`)
const read = (disk: string) => inGuest(`dd if=/dev/${disk} bs=512 skip=${SECTOR} count=1 2>/dev/null | tr -d '\\000'`)
const disks = async () => {
  const { stdout } = await project.test.cloud.exec(NODE, ['ls', `/var/lib/nephele/instances/${uid}`])
  return stdout.split('\n').filter((name) => name.startsWith('root'))
}
const make = (name: string, spec: object = {}) =>
  project.create<InstanceAction>(
    INSTANCE_ACTION,
    draft.instanceAction(project.at(name), 'vm', { type: 'Rebuild', ...spec }),
  )
const isOver = (action: InstanceAction | undefined) => ['Succeeded', 'Failed'].includes(action?.status?.state ?? '')
async function endOf(name: string): Promise<InstanceAction> {
  const options = { what: 'over', timeoutMs: 150_000 }
  const ref = project.at(name)
  const action = await waitForObject<InstanceAction>(project.test.client, INSTANCE_ACTION, ref, isOver, options)
  if (!action) throw new Error(`InstanceAction ${name} is gone`)
  return action
}
const reasonOf = (action: InstanceAction) => findCondition(action.status?.conditions, 'Ready')?.reason
/** What stays. */
const identityOf = ({ metadata, status }: Instance) => [metadata.uid, status?.node, status?.addresses]

test('from another Image: the mark on the old disk is gone, that on the volume is there, and addresses are the same', async () => {
  await write('vda', 'root-mark')
  await write('vdb', 'data-mark')
  expect([await read('vda'), await read('vdb')]).toEqual(['root-mark', 'data-mark'])
  const before = await project.get('vm')
  await project.create(IMAGE, draft.image(project.at('other'), project.test.guestImage))
  await waitForReady<Image>(project.test.client, IMAGE, project.at('other'))
  await project.patch(INSTANCE, 'vm', { spec: { imageRef: { name: 'other' } } })
  await waitUntilTrue('a pending change', async () => {
    const { status } = await project.get('vm')
    return status?.pendingChanges?.includes('spec.imageRef') === true
  })
  expect(await read('vda')).toBe('root-mark')
  await make('again')
  const ended = await endOf('again')
  expect([ended.status?.state, reasonOf(ended)]).toEqual(['Succeeded', 'Succeeded'])
  expect(ended.status?.steps?.map(({ name }) => name).filter((name) => name !== 'ForcedOff')).toEqual([
    ...['ShutdownAsked', 'PoweredOff', 'DiskMade', 'Started'],
  ])
  const after = await project.waitActive('vm')
  expect(identityOf(after)).toEqual(identityOf(before))
  expect(after.status).toMatchObject({ rootDisk: 1, image: { name: 'other' } })
  expect(after.status).not.toHaveProperty('pendingChanges')
  expect([await read('vda'), await read('vdb')]).toEqual(['', 'data-mark'])
  expect(await disks()).toEqual(['root.1.qcow2'])
}, 300_000)

test('an Image that is not there is refused, and the guest is not touched', async () => {
  await write('vda', 'stays')
  const started = await inGuest('cut -d. -f1 /proc/uptime')
  await project.patch(INSTANCE, 'vm', { spec: { imageRef: { name: 'typo' } } })
  await make('bad')
  const ended = await endOf('bad')
  expect([ended.status?.state, reasonOf(ended), ended.status?.startTime]).toEqual([
    ...['Failed', 'ImageNotFound', undefined],
  ])
  expect(Number(await inGuest('cut -d. -f1 /proc/uptime'))).toBeGreaterThan(Number(started))
  expect([await read('vda'), await disks()]).toEqual(['stays', ['root.1.qcow2']])
}, 180_000)

test('operator and agent are killed in the middle: it is made once all the same', async () => {
  await project.patch(INSTANCE, 'vm', { spec: { imageRef: { name: 'guest' } } })
  const { cloud } = project.test
  await make('killed')
  await waitUntilTrue('begun', async () => {
    const action = await project.test.client.get<InstanceAction>(INSTANCE_ACTION, project.at('killed'))
    return action.status?.state === 'Running' || isOver(action)
  })
  await cloud.restartDaemon(NODE, 'agent')
  await cloud.restartProcess('operator')
  await waitUntilTrue('a second disk, or an end', async () => (await disks()).includes('root.2.qcow2'), 120_000)
  await cloud.restartDaemon(NODE, 'agent')
  const ended = await endOf('killed')
  expect([ended.status?.state, reasonOf(ended)]).toEqual(['Succeeded', 'Succeeded'])
  const after = await project.waitActive('vm')
  expect(after.status).toMatchObject({ rootDisk: 2, image: { name: 'guest' } })
  expect([await read('vda'), await read('vdb')]).toEqual(['', 'data-mark'])
  await waitUntilTrue('one disk', async () => (await disks()).join() === 'root.2.qcow2', 60_000)
}, 300_000)
