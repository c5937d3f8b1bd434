// SPDX-License-Identifier: Apache-2.0
// A rescue and its end, with all controllers in memory: which Image, what is refused before the node hears of it, and what the machine says of itself.
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Instance, InstanceAction } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import { ActingNode } from '../../testing/acting-node.ts'
import { ns, QuietCloud } from '../../testing/quiet-cloud.ts'

let cloud: QuietCloud
let node: ActingNode
let before: number

beforeEach(async () => {
  cloud = await QuietCloud.furnished()
  node = new ActingNode()
  cloud.operator.answer = node.answer
  cloud.make('images', 'tools')
  cloud.vm('vm')
  await cloud.operator.rest()
  before = node.done.length
})

type Spec = Partial<InstanceAction['spec']>
const vm = () => cloud.operator.get('instances', ns('vm')) as Instance
const action = (name = 'help') => cloud.operator.get('instanceActions', ns(name)) as InstanceAction
const reason = (name = 'help') => cloud.operator.reason('instanceActions', ns(name))
const done = () => node.done.slice(before).map((line) => line.split(' ')[1])
const uidOf = (image: string) => cloud.operator.get('images', ns(image)).metadata.uid
const documentOf = () => {
  const documents = [...cloud.operator.world.bus.desired.documents.values()]
  const document = documents.find(({ uid }) => uid === vm().metadata.uid)
  return document?.kind === 'instance' && !document.tombstone ? document.spec : undefined
}
const by = (image: string): Spec => ({ rescue: { imageRef: { name: image } } })
const ask = async (name: string, type: InstanceAction['spec']['type'], more: Spec = {}) => {
  cloud.make('instanceActions', name, { instanceRef: { name: 'vm' }, type, ...more })
  await cloud.operator.rest()
}
const rescue = (more: Spec = by('tools'), name = 'help') => ask(name, 'Rescue', more)
const later = async (seconds: number) => {
  const at = new Date(cloud.operator.world.run.now.getTime() + seconds * 1000)
  Object.assign(cloud.operator.world.run, { now: at })
  cloud.set('instanceActions', 'help', { ttlSecondsAfterFinished: seconds })
  await cloud.operator.rest()
}
const isThere = (cache: 'images' | 'instances', name: string) =>
  cloud.operator.world.stores[cache].find('ns', name) !== undefined
const rescued = () => findCondition(vm().status?.conditions, 'Rescued')

test('a machine in rescue says from which Image it boots, since when, by which action, and how that ends', async () => {
  await rescue()
  expect(action().status).toMatchObject({ state: 'Succeeded', rootDisk: 1, image: { name: 'tools' } })
  expect(done()).toEqual(['shutdown', `make-1-${uidOf('tools')}`, 'on'])
  const { uid } = action().metadata
  expect(vm().status).toMatchObject({ state: 'RESCUE', image: { name: 'guest' } })
  expect(vm().status?.rescue).toMatchObject({ disk: 1, actionUID: uid, image: { name: 'tools', uid: uidOf('tools') } })
  expect(rescued()).toMatchObject({ status: 'True', reason: 'BootsFromRescueDisk' })
  expect(rescued()?.message).toMatch(/Image ns\/tools.*own root disk beside it.*Unrescue/)
  expect(vm().status).not.toHaveProperty('rebuilds')
  expect(cloud.operator.reason('instances', ns('vm'))).toBe('Ready')
  const image = { uid: uidOf('tools') }
  expect(documentOf()).toMatchObject({ image: { uid: uidOf('guest') }, rescue: { disk: 1, image }, rootDisksGiven: 1 })
  expect(documentOf()).not.toHaveProperty('action')
  await ask('over', 'Unrescue')
  expect(action('over').status).toMatchObject({ state: 'Succeeded', rootDisk: 1 })
  expect(done().slice(3)).toEqual(['shutdown', 'on'])
  expect(vm().status?.state).toBe('ACTIVE')
  for (const field of ['rescue', 'rebuilds']) expect(vm().status).not.toHaveProperty(field)
  expect(rescued()).toBeUndefined()
  expect(documentOf()).not.toHaveProperty('rescue')
})

test('without an Image it is the one that the root disk was made from, and not what the spec names by now', async () => {
  cloud.set('instances', 'vm', { imageRef: { name: 'tools' } })
  await cloud.operator.rest()
  await rescue({})
  expect([vm().status?.rescue?.image?.name, done()[1]]).toEqual(['guest', `make-1-${uidOf('guest')}`])
})

test('each has a number of its own, shared with root disks; one that its node refused is not given again', async () => {
  node.shortage = 'no room'
  await rescue()
  expect([reason(), vm().status?.rescue, vm().status?.rebuilds]).toEqual([
    'InsufficientResources',
    undefined,
    undefined,
  ])
  node.shortage = undefined
  await rescue({}, 'second')
  await ask('over', 'Unrescue')
  await ask('new', 'Rebuild')
  await rescue({}, 'third')
  const numbers = ['second', 'over', 'new', 'third'].map((name) => action(name).status?.rootDisk)
  expect([numbers, vm().status?.rootDisk, vm().status?.rescue?.disk]).toEqual([[2, 2, 3, 4], 3, 4])
})

test('asked for one after the other, without a wait between them, each is done to what the one before left', async () => {
  const types = ['Rescue', 'Unrescue', 'Rescue', 'Reboot', 'Unrescue', 'Rescue'] as const
  types.forEach((type, i) => cloud.make('instanceActions', `a${i}`, { instanceRef: { name: 'vm' }, type }))
  await cloud.operator.rest()
  const ended = types.map((_, i) => action(`a${i}`)).toSorted((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1))
  let isRescued = false
  for (const { spec, status } of ended) {
    const isRefused = spec.type === 'Rescue' ? isRescued : spec.type === 'Unrescue' && !isRescued
    expect([spec.type, status?.state]).toEqual([spec.type, isRefused ? 'Failed' : 'Succeeded'])
    if (!isRefused && spec.type !== 'Reboot') isRescued = spec.type === 'Rescue'
  }
  expect(vm().status?.rescue !== undefined).toBe(isRescued)
})
const orderOf = ({ metadata }: InstanceAction) => `${metadata.creationTimestamp} ${metadata.name}`

test('stopped, started and rebooted it stays in rescue', async () => {
  await rescue()
  for (const runState of ['Stopped', 'Running'] as const) {
    cloud.set('instances', 'vm', { runState })
    await cloud.operator.rest()
    expect(vm().status).toMatchObject({ rescue: { disk: 1 } })
  }
  await ask('again', 'Reboot')
  expect([action('again').status?.state, vm().status?.state]).toEqual(['Succeeded', 'RESCUE'])
})

test('a machine that is to be off is rescued, and boots so when it is started', async () => {
  cloud.set('instances', 'vm', { runState: 'Stopped' })
  await cloud.operator.rest()
  const count = done().length
  await rescue()
  expect([action().status?.state, done().slice(count)]).toEqual(['Succeeded', [`make-1-${uidOf('tools')}`]])
  expect(rescued()?.status).toBe('True')
  cloud.set('instances', 'vm', { runState: 'Running' })
  await cloud.operator.rest()
  expect(vm().status?.state).toBe('RESCUE')
})

test('a Flavor that sets no root disk does not bound the rescue disk, and one that sets it does', async () => {
  cloud.make('images', 'toolbox', { minDiskGiB: 5 })
  await rescue(by('toolbox'))
  expect([action().status?.state, reason()]).toEqual(['Failed', 'FlavorTooSmall'])
  cloud.set('flavors', 'small', { rootDiskGiB: 0 })
  await rescue(by('toolbox'), 'second')
  expect(action('second').status).toMatchObject({ state: 'Succeeded', image: { name: 'toolbox' } })
  expect(documentOf()?.rescue?.sizeGiB).toBe(5)
})

describe('refused before the node hears of it', () => {
  const refused = async (why: string, name = 'help') => {
    expect([action(name).status?.state, reason(name)]).toEqual(['Failed', why])
    expect(action(name).status).not.toHaveProperty('startTime')
  }
  test('an Image that is not there; one that comes within a minute is taken', async () => {
    await rescue(by('missing'))
    expect(action().status?.state).toBe('Pending')
    await later(3600)
    await refused('ImageNotFound')
    await rescue(by('late'), 'next')
    cloud.make('images', 'late')
    await cloud.operator.rest()
    expect(action('next').status?.state).toBe('Succeeded')
  })
  test('an Image of another namespace that is not shared', async () => {
    const { spec } = cloud.operator.get('images', ns('tools'))
    cloud.operator.create('images', { namespace: 'other', name: 'foreign' }, spec as object)
    await rescue({ rescue: { imageRef: { name: 'foreign', namespace: 'other' } } })
    await later(3600)
    await refused('ImageNotFound')
  })
  test.each<[string, object]>([
    ['FlavorTooSmall', { minMemoryMiB: 1_000_000 }],
    ['FlavorTooSmall', { minDiskGiB: 500 }],
    ['UnsupportedProperty', { properties: { hw_rescue_bus: 'usb' } }],
    ['UnsupportedProperty', { properties: { hw_disk_bus: 'ide' } }],
    ['NoValidHost', { properties: { hw_require_kvm: 'true' } }],
  ])('%s: an Image with %j', async (why, spec) => {
    cloud.make('images', 'odd', spec)
    await rescue(by('odd'))
    await refused(why)
    expect([done(), vm().status?.rescue]).toEqual([[], undefined])
  })
  test('a machine that is to be paused', async () => {
    cloud.set('instances', 'vm', { runState: 'Paused' })
    await rescue()
    await refused('InstanceNotRunning')
    await ask('over', 'Unrescue')
    await refused('InstanceNotRunning', 'over')
  })
  test('in rescue what means its own system; out of it an Unrescue', async () => {
    await ask('early', 'Unrescue')
    await refused('InstanceNotRescued', 'early')
    await rescue()
    await rescue({}, 'more')
    await refused('InstanceRescued', 'more')
    await ask('new', 'Rebuild')
    await refused('InstanceRescued', 'new')
    const setAdminPassword = { passwordSecretRef: { name: 'pw' } }
    await ask('password', 'SetAdminPassword', { setAdminPassword })
    await refused('InstanceRescued', 'password')
    for (const type of ['Reset', 'CrashDump'] as const) {
      await ask(type.toLowerCase(), type)
      expect(action(type.toLowerCase()).status?.state).toBe('Succeeded')
    }
  })
})

test('its Image stays while it boots from that, and goes once it does not', async () => {
  await rescue()
  cloud.operator.remove('images', ns('tools'))
  await cloud.operator.rest()
  expect(cloud.operator.reason('images', ns('tools'))).toBe('InUse')
  expect(documentOf()).toMatchObject({ rescue: { disk: 1 } })
  await ask('over', 'Unrescue')
  expect(isThere('images', 'tools')).toBe(false)
})

test('whether a silent node did it is not known: what comes later waits for its word, and the Image stays', async () => {
  const where = cloud.nodeOf('vm')
  cloud.operator.answer = (document) => (document.node === where ? undefined : node.answer(document))
  await rescue()
  expect([action().status?.state, vm().status?.rebuilds]).toMatchObject(['Running', [{ rootDisk: 1, isRescue: true }]])
  await later(3600)
  expect(reason()).toBe('OutcomeUnknown')
  cloud.operator.remove('images', ns('tools'))
  await ask('over', 'Unrescue')
  expect([action('over').status?.state, reason('over')]).toEqual(['Pending', 'RootDiskUnclear'])
  expect(cloud.operator.reason('images', ns('tools'))).toBe('InUse')
  cloud.operator.answer = node.answer
  cloud.operator.beat(where)
  cloud.set('instances', 'vm', { metadata: { again: '1' } })
  await cloud.operator.rest()
  expect([vm().status?.rescue, vm().status?.rebuilds, done()]).toEqual([undefined, undefined, []])
  expect(reason('over')).toBe('InstanceNotRescued')
  expect(isThere('images', 'tools')).toBe(false)
})

test('it is deleted as any other', async () => {
  await rescue()
  cloud.operator.remove('instances', ns('vm'))
  await cloud.operator.rest()
  expect(isThere('instances', 'vm')).toBe(false)
})

describe('the store is restored', () => {
  const restore = async (stored: Instance, actions: readonly string[] = []) => {
    cloud.operator.store('instances', stored)
    for (const name of actions) cloud.drop('instanceActions', name)
    cloud.changeLeader('kept')
    cloud.operator.answer = node.answer
    await cloud.operator.rest()
  }
  test('to before a rescue: it goes on in it, of an Image that is not known, until it is ended', async () => {
    const stored = structuredClone(vm())
    await rescue()
    await restore(stored, ['help'])
    expect(vm().status).toMatchObject({ state: 'RESCUE', rescue: { disk: 1 } })
    expect(vm().status?.rescue).not.toHaveProperty('image')
    expect(rescued()?.message).toContain('not known here')
    await ask('over', 'Unrescue')
    expect([action('over').status?.state, vm().status?.state]).toEqual(['Succeeded', 'ACTIVE'])
    await rescue({}, 'next')
    expect([action('next').status?.state, vm().status?.rescue?.disk]).toEqual(['Succeeded', 2])
  })
  test('to within a rescue that is over: it is not in it any more, and not put back', async () => {
    await rescue()
    const stored = structuredClone(vm())
    await ask('over', 'Unrescue')
    const all = done()
    await restore(stored, ['over'])
    expect([vm().status?.state, vm().status?.rescue, done()]).toEqual(['ACTIVE', undefined, all])
  })
  test('to when it had not been told of its end: that is heard, with the Image that the action knows', async () => {
    const where = cloud.nodeOf('vm')
    cloud.operator.answer = (document) => (document.node === where ? undefined : node.answer(document))
    await rescue()
    const stored = { vm: structuredClone(vm()), action: structuredClone(action()) }
    delete stored.vm.status?.rebuilds
    cloud.operator.answer = node.answer
    cloud.operator.beat(where)
    cloud.set('instanceActions', 'help', { ttlSecondsAfterFinished: 9 })
    await cloud.operator.rest()
    expect(vm().status?.state).toBe('RESCUE')
    const all = done()
    cloud.operator.store('instanceActions', stored.action)
    await restore(stored.vm)
    expect([action().status?.state, vm().status?.rescue?.image?.name, done()]).toEqual(['Succeeded', 'tools', all])
  })
})
