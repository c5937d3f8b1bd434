// SPDX-License-Identifier: Apache-2.0
// A guest is rescued: it boots from another Image, with its own disk as vdb and its volume behind that, mends what is on it, and boots from it again.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { IMAGE, INSTANCE, INSTANCE_ACTION } from '../../lib/api/kinds.ts'
import type { Image, Instance, InstanceAction } from '../../lib/api/types.ts'
import { findCondition } from '../../lib/conditions.ts'
import * as draft from '../harness/objects.ts'
import type { GuestDoor } from '../harness/guest-door.ts'
import { Project } from '../harness/project.ts'
import { waitForGone, waitForObject, waitForReady, waitUntilTrue } from '../harness/wait.ts'

const NODE = 'compute-1'
/** Far behind what the image has written, in 512 byte sectors. */
const SECTOR = 200_000
let project: Project
let door: GuestDoor
let uid: string
beforeAll(async () => {
  project = await Project.create('rescue', { net: '10.91.0.0/24' })
  await project.createVolume('data')
  await project.create(IMAGE, draft.image(project.at('tools'), project.test.guestImage))
  await waitForReady<Image>(project.test.client, IMAGE, project.at('tools'))
  const volumes = [{ volumeRef: { name: 'data' } }]
  ;({ door } = await project.bootGuests({ vm: { availabilityZone: 'zone-a', volumes } }))
  uid = (await project.get('vm')).metadata.uid
}, 240_000)
afterAll(async () => {
  // In rescue, as the last test leaves it.
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

const inGuest = async (script: string) => (await door.ssh(await project.get('vm'), script)).trim()
const write = (disk: string, mark: string) =>
  inGuest(`printf ${mark} | dd of=/dev/${disk} bs=512 seek=${SECTOR} conv=notrunc,fsync 2>/dev/null; sync`)
/** What is on its disks, by the guest's names. */
const marks = async (...names: string[]) => {
  const read = (disk: string) =>
    `echo ${disk}=$(dd if=/dev/${disk} bs=512 skip=${SECTOR} count=1 2>/dev/null | tr -d '\\000')`
  return (await inGuest(names.map(read).join('; '))).split('\n')
}
const disks = async () => {
  const { stdout } = await project.test.cloud.exec(NODE, ['ls', `/var/lib/nephele/instances/${uid}`])
  return stdout.split('\n').filter((name) => /^(root|rescue)\./.test(name))
}
const make = (name: string, spec: object) =>
  project.create<InstanceAction>(INSTANCE_ACTION, draft.instanceAction(project.at(name), 'vm', spec))
const isOver = (action: InstanceAction | undefined) => ['Succeeded', 'Failed'].includes(action?.status?.state ?? '')
async function endOf(name: string): Promise<InstanceAction> {
  const options = { what: 'over', timeoutMs: 150_000 }
  const ref = project.at(name)
  const action = await waitForObject<InstanceAction>(project.test.client, INSTANCE_ACTION, ref, isOver, options)
  if (!action) throw new Error(`InstanceAction ${name} is gone`)
  return action
}
async function reasonOf(name: string): Promise<string | undefined> {
  return findCondition((await endOf(name)).status?.conditions, 'Ready')?.reason
}
/** Operator and agent are killed once it has begun, and the agent once more when the disks are other ones, or after a while. */
async function killIn(name: string): Promise<void> {
  const { cloud, client } = project.test
  const before = (await disks()).join()
  await waitUntilTrue('begun', async () => {
    const action = await client.get<InstanceAction>(INSTANCE_ACTION, project.at(name))
    return action.status?.state === 'Running' || isOver(action)
  })
  await cloud.restartDaemon(NODE, 'agent')
  await cloud.restartProcess('operator')
  const isOther = async () => (await disks()).join() !== before
  await waitUntilTrue(
    'other disks, or an end',
    async () => {
      return (await isOther()) || isOver(await client.get<InstanceAction>(INSTANCE_ACTION, project.at(name)))
    },
    120_000,
  )
  await cloud.restartDaemon(NODE, 'agent')
}
/** What stays. */
const identityOf = ({ metadata, status }: Instance) => [metadata.uid, status?.node, status?.addresses]
const waitState = (state: string) =>
  waitUntilTrue(state, async () => (await project.get('vm')).status?.state === state, 60_000)

test('it boots from the rescue Image; its own disk is vdb and its volume vdc, with what is on them, and addresses are the same', async () => {
  await write('vda', 'broken')
  await write('vdb', 'data')
  expect(await marks('vda', 'vdb')).toEqual(['vda=broken', 'vdb=data'])
  const before = await project.get('vm')
  await make('help', { type: 'Rescue', rescue: { imageRef: { name: 'tools' } } })
  const ended = await endOf('help')
  expect([ended.status?.state, await reasonOf('help')]).toEqual(['Succeeded', 'Succeeded'])
  expect(ended.status?.steps?.map(({ name }) => name).filter((name) => name !== 'ForcedOff')).toEqual([
    ...['ShutdownAsked', 'PoweredOff', 'DiskMade', 'Started'],
  ])
  await waitState('RESCUE')
  const after = await project.waitActive('vm')
  expect(identityOf(after)).toEqual(identityOf(before))
  expect(after.status).toMatchObject({ rescue: { disk: 1, image: { name: 'tools' } }, image: { name: 'guest' } })
  expect(findCondition(after.status?.conditions, 'Rescued')?.status).toBe('True')
  expect(await marks('vda', 'vdb', 'vdc')).toEqual(['vda=', 'vdb=broken', 'vdc=data'])
  expect(await disks()).toEqual(['rescue.1.qcow2', 'root.qcow2'])
  await write('vdb', 'mended')
}, 300_000)

test('stopped and started it is still in rescue; a Rebuild is refused, and the Image stays', async () => {
  await project.test.client.remove(IMAGE, project.at('tools'))
  await make('new', { type: 'Rebuild' })
  expect(await reasonOf('new')).toBe('InstanceRescued')
  await project.patch(INSTANCE, 'vm', { spec: { runState: 'Stopped' } })
  await waitState('SHUTOFF')
  await project.patch(INSTANCE, 'vm', { spec: { runState: 'Running' } })
  await waitState('RESCUE')
  await project.waitActive('vm')
  expect(await marks('vda', 'vdb', 'vdc')).toEqual(['vda=', 'vdb=mended', 'vdc=data'])
  const image = await project.test.client.get<Image>(IMAGE, project.at('tools'))
  expect(findCondition(image.status?.conditions, 'Ready')?.reason).toBe('InUse')
}, 240_000)

test('brought back, with operator and agent killed in the middle, it boots from its own disk, on which is what the rescue system wrote', async () => {
  await make('back', { type: 'Unrescue' })
  await killIn('back')
  expect(await reasonOf('back')).toBe('Succeeded')
  await waitState('ACTIVE')
  const after = await project.waitActive('vm')
  expect(after.status).not.toHaveProperty('rescue')
  expect(findCondition(after.status?.conditions, 'Rescued')).toBeUndefined()
  expect(await marks('vda', 'vdb')).toEqual(['vda=mended', 'vdb=data'])
  await waitUntilTrue('one disk', async () => (await disks()).join() === 'root.qcow2', 60_000)
  await waitForGone(project.test.client, IMAGE, project.at('tools'))
}, 300_000)

test('rescued with its own Image, with operator and agent killed in the middle; and so it is deleted', async () => {
  await make('again', { type: 'Rescue' })
  await killIn('again')
  expect(await reasonOf('again')).toBe('Succeeded')
  await waitState('RESCUE')
  expect((await project.waitActive('vm')).status).toMatchObject({ rescue: { disk: 2, image: { name: 'guest' } } })
  expect(await marks('vda', 'vdb', 'vdc')).toEqual(['vda=', 'vdb=mended', 'vdc=data'])
}, 300_000)
