// SPDX-License-Identifier: Apache-2.0
// A guest is copied while it runs: a new machine on another node has what was written in it, and the bytes go with the Image. What is given up or
// interrupted leaves nothing.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { IMAGE, IMAGE_STORE, INSTANCE, INSTANCE_ACTION, NODE } from '../../lib/api/kinds.ts'
import type { Image, ImageStore, InstanceAction } from '../../lib/api/types.ts'
import { findCondition } from '../../lib/conditions.ts'
import * as draft from '../harness/objects.ts'
import type { GuestDoor } from '../harness/guest-door.ts'
import { Project } from '../harness/project.ts'
import { waitForGone, waitForObject, waitForReady, waitUntilTrue } from '../harness/wait.ts'

const [STORAGE, HOST, OTHER] = ['network-1', 'compute-1', 'compute-2']
/** Far behind what the image has written, in 512 byte sectors. */
const SECTOR = 200_000
let project: Project
let door: GuestDoor
let store: string
let uid: string
beforeAll(async () => {
  project = await Project.create('snapshot', { net: '10.90.0.0/24' })
  ;({ door } = await project.bootGuests({ vm: { availabilityZone: 'zone-a' } }))
  uid = (await project.get('vm')).metadata.uid
  const spec = { driver: 'file', file: {} }
  store = (await project.createClusterWide<ImageStore>(IMAGE_STORE, 'store', spec)).metadata.name
  await waitForReady<ImageStore>(project.test.client, IMAGE_STORE, { name: store }, 60_000)
  await waitUntilTrue(
    'the agent of the guest',
    async () => (await inGuest('vm', 'pidof qemu-ga || true')) !== '',
    60_000,
  )
}, 300_000)
afterAll(async () => {
  await label(null)
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 180_000)

const label = (value: string | null) =>
  project.test.client.mergePatch(NODE, { name: OTHER }, { metadata: { labels: { 'nephele.dev/storage': value } } })
const inGuest = async (name: string, script: string) => (await door.ssh(await project.get(name), script)).trim()
const write = (mark: string) =>
  inGuest('vm', `printf ${mark} | dd of=/dev/vda bs=512 seek=${SECTOR} conv=notrunc,fsync 2>/dev/null; sync`)
const read = (name: string) => inGuest(name, `dd if=/dev/vda bs=512 skip=${SECTOR} count=1 2>/dev/null | tr -d '\\000'`)
const list = async (node: string, folder: string) => {
  const { stdout } = await project.test.cloud.exec(node, ['sh', '-c', 'ls "$1" 2>/dev/null || true', '_', folder])
  return stdout.split('\n').filter((name) => name !== '')
}
const kept = (node: string) => list(node, `/var/lib/nephele/image-stores/${store}`)
const copies = async () =>
  (await list(HOST, `/var/lib/nephele/instances/${uid}`)).filter((name) => /capture|frozen/.test(name))
const image = (name: string) => project.test.client.find<Image>(IMAGE, project.at(name))
const make = (name: string, snapshot: object = {}) =>
  project.create<InstanceAction>(
    INSTANCE_ACTION,
    draft.instanceAction(project.at(name), 'vm', {
      type: 'Snapshot',
      snapshot: { imageStoreRef: { name: store }, ...snapshot },
    }),
  )
const isOver = (action: InstanceAction | undefined) => action?.status?.completionTime !== undefined
async function endOf(name: string): Promise<InstanceAction> {
  const options = { what: 'over', timeoutMs: 120_000 }
  const ref = project.at(name)
  const action = await waitForObject<InstanceAction>(project.test.client, INSTANCE_ACTION, ref, isOver, options)
  if (!action) throw new Error(`InstanceAction ${name} is gone`)
  return action
}
const reasonOf = (action: InstanceAction) => findCondition(action.status?.conditions, 'Ready')?.reason

test('a machine on another node has what was written in the guest, which runs on', async () => {
  await write('the-mark')
  const before = Number(await inGuest('vm', 'cut -d. -f1 /proc/uptime'))
  await make('snap', { quiesce: 'Required' })
  const ended = await endOf('snap')
  expect([ended.status?.state, reasonOf(ended)]).toEqual(['Succeeded', 'Succeeded'])
  expect(ended.status?.steps?.map(({ name }) => name)).toEqual(['Frozen', 'Thawed', 'DiskRead'])
  const made = await waitForReady<Image>(project.test.client, IMAGE, project.at('snap'))
  expect(made.spec.properties).toMatchObject({ image_type: 'snapshot', instance_uuid: uid })
  expect(made.status).toMatchObject({ state: 'active', copies: [{ node: STORAGE, ready: true }] })
  expect(await kept(STORAGE)).toEqual([`${made.metadata.uid}.qcow2`])
  await waitUntilTrue('nothing is left beside the disk', async () => (await copies()).length === 0, 30_000)
  // Not frozen, not started anew.
  await write('it-later')
  expect(Number(await inGuest('vm', 'cut -d. -f1 /proc/uptime'))).toBeGreaterThan(before)
  await project.create(
    INSTANCE,
    draft.instance(project.at('copy'), { ...(await likeVm()), imageRef: { name: 'snap' } }),
  )
  const copy = await project.waitActive('copy')
  expect(copy.status?.node).toBe(OTHER)
  expect([await read('copy'), await read('vm')]).toEqual(['the-mark', 'it-later'])
}, 300_000)

/** Its network and key, in the other zone. */
async function likeVm(): Promise<object> {
  const { networks, keyPairRef } = (await project.get('vm')).spec
  return { networks, ...(keyPairRef ? { keyPairRef } : {}), availabilityZone: 'zone-b' }
}

test('a second copy is made on another node of the store, from the first; both go with the Image, once no machine is made of it', async () => {
  const { client } = project.test
  await label('true')
  await client.mergePatch(IMAGE_STORE, { name: store }, { spec: { copies: 2 } })
  const isThere = (found: Image | undefined) => found?.status?.copies?.filter(({ ready }) => ready).length === 2
  const options = { what: 'two copies', timeoutMs: 90_000 }
  const made = await waitForObject<Image>(client, IMAGE, project.at('snap'), isThere, options)
  const file = `${made?.metadata.uid}.qcow2`
  expect([await kept(STORAGE), await kept(OTHER)]).toEqual([[file], [file]])
  const sums = await Promise.all(
    [STORAGE, OTHER].map((node) =>
      project.test.cloud.exec(node, ['sha256sum', `/var/lib/nephele/image-stores/${store}/${file}`]),
    ),
  )
  for (const { stdout } of sums) expect(stdout.split(' ')[0]).toBe(made?.status?.sha256)
  await client.remove(IMAGE, project.at('snap'))
  await waitUntilTrue('it waits for its machine', async () => {
    const ready = findCondition((await image('snap'))?.status?.conditions, 'Ready')
    return ready?.reason === 'InUse'
  })
  expect(await kept(STORAGE)).toEqual([file])
  await project.remove(INSTANCE, 'copy')
  await waitForGone(client, IMAGE, project.at('snap'), 90_000)
  expect([await kept(STORAGE), await kept(OTHER)]).toEqual([[], []])
}, 300_000)

test('given up, or interrupted by a restart of agent and operator: no Image, and nothing on the nodes', async () => {
  const { client, cloud } = project.test
  await make('given-up')
  await client.mergePatch(INSTANCE_ACTION, project.at('given-up'), { spec: { cancel: true } })
  expect((await endOf('given-up')).status?.state).toBe('Cancelled')
  await waitForGone(client, IMAGE, project.at('given-up'), 60_000)
  await make('killed')
  await waitUntilTrue('begun', async () => {
    const action = await client.get<InstanceAction>(INSTANCE_ACTION, project.at('killed'))
    return action.status?.state === 'Running' || isOver(action)
  })
  await cloud.restartDaemon(HOST, 'agent')
  await cloud.restartProcess('operator')
  const ended = await endOf('killed')
  // As fast as it was, or not.
  expect([`${ended.status?.state} ${reasonOf(ended)}`]).toEqual([
    expect.stringMatching(/^(Failed SnapshotInterrupted|Succeeded Succeeded)$/),
  ])
  if (ended.status?.state === 'Succeeded') await project.remove(IMAGE, 'killed')
  else await waitForGone(client, IMAGE, project.at('killed'), 60_000)
  await waitUntilTrue(
    'nothing is left',
    async () => {
      const left = [await copies(), await kept(STORAGE), await kept(OTHER)]
      return left.flat().length === 0
    },
    60_000,
  )
  await write('still-there')
  expect(await read('vm')).toBe('still-there')
}, 300_000)
