// SPDX-License-Identifier: Apache-2.0
// A rebuild from the change of the spec to its end, with all controllers in memory: what is refused is refused before the node hears of it.
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
  cloud.make('images', 'other')
  cloud.vm('vm')
  await cloud.operator.rest()
  before = node.done.length
})

const vm = () => cloud.operator.get('instances', ns('vm')) as Instance
const action = (name = 'again') => cloud.operator.get('instanceActions', ns(name)) as InstanceAction
const done = () => node.done.slice(before).map((line) => line.split(' ')[1])
const uidOf = (image: string) => cloud.operator.get('images', ns(image)).metadata.uid
const madeFrom = () => vm().status?.image?.name
const documentOf = () => {
  const documents = [...cloud.operator.world.bus.desired.documents.values()]
  const document = documents.find(({ uid }) => uid === vm().metadata.uid)
  return document?.kind === 'instance' && !document.tombstone ? document.spec : undefined
}
const ask = async (name = 'again', more: object = {}) => {
  cloud.make('instanceActions', name, { instanceRef: { name: 'vm' }, type: 'Rebuild', ...more })
  await cloud.operator.rest()
}
const name = async (image: string) => {
  cloud.set('instances', 'vm', { imageRef: { name: image } })
  await cloud.operator.rest()
}
const later = async (seconds: number) => {
  const at = new Date(cloud.operator.world.run.now.getTime() + seconds * 1000)
  Object.assign(cloud.operator.world.run, { now: at })
  cloud.set('instanceActions', 'again', { ttlSecondsAfterFinished: seconds })
  await cloud.operator.rest()
}

test('another Image in the spec changes nothing, and is told; a Rebuild takes it up', async () => {
  expect([madeFrom(), documentOf()?.image.uid]).toEqual(['guest', uidOf('guest')])
  await name('other')
  expect([madeFrom(), documentOf()?.image.uid, done()]).toEqual(['guest', uidOf('guest'), []])
  expect(vm().status?.pendingChanges).toEqual(['spec.imageRef'])
  expect(findCondition(vm().status?.conditions, 'RebuildPending')?.reason).toBe('OtherImage')
  expect(cloud.operator.reason('instances', ns('vm'))).toBe('Ready')
  await ask()
  expect(action().status).toMatchObject({ state: 'Succeeded', rootDisk: 1, image: { name: 'other' } })
  expect(done()).toEqual(['shutdown', `make-1-${uidOf('other')}`, 'on'])
  expect(vm().status).toMatchObject({ state: 'ACTIVE', rootDisk: 1, image: { name: 'other', uid: uidOf('other') } })
  expect(vm().status).not.toHaveProperty('rebuilds')
  expect(vm().status).not.toHaveProperty('pendingChanges')
  expect(documentOf()).toMatchObject({ image: { uid: uidOf('other') }, rootDisksGiven: 1 })
  expect(documentOf()).not.toHaveProperty('action')
})

test('from the same Image the disk is made anew, each time with a higher number', async () => {
  await ask('first')
  await ask('second')
  const made = (number: number) => ['shutdown', `make-${number}-${uidOf('guest')}`, 'on']
  expect(done()).toEqual([...made(1), ...made(2)])
  expect(vm().status).toMatchObject({ rootDisk: 2, image: { name: 'guest' } })
})

test('after one that its node refused, the next has a number that was never given', async () => {
  node.shortage = 'no room'
  await ask('first')
  expect([action('first').status?.rootDisk, done(), vm().status?.rebuilds]).toEqual([1, [], undefined])
  expect(cloud.operator.reason('instanceActions', ns('first'))).toBe('InsufficientResources')
  node.shortage = undefined
  await ask('second')
  expect(action('second').status).toMatchObject({ state: 'Succeeded', rootDisk: 2 })
  expect([done()[1], vm().status?.rootDisk]).toEqual([`make-2-${uidOf('guest')}`, 2])
})

describe('refused before the node hears of it', () => {
  const refused = async (reason: string) => {
    expect([action().status?.state, cloud.operator.reason('instanceActions', ns('again'))]).toEqual(['Failed', reason])
    expect(done()).toEqual([])
    expect([madeFrom(), vm().status?.state, documentOf()?.rootDisksGiven]).toEqual(['guest', 'ACTIVE', undefined])
    expect(action().status).not.toHaveProperty('startTime')
  }
  test('an Image that is not there; one that comes within a minute is taken', async () => {
    await name('missing')
    await ask()
    expect(action().status?.state).toBe('Pending')
    await later(3600)
    await refused('ImageNotFound')
    await name('late')
    await ask('next')
    cloud.make('images', 'late')
    await cloud.operator.rest()
    cloud.set('instanceActions', 'next', { ttlSecondsAfterFinished: 9 })
    await cloud.operator.rest()
    expect(action('next').status?.state).toBe('Succeeded')
  })
  test('an Image that is deleted while it waits', async () => {
    await name('other')
    cloud.operator.remove('images', ns('other'))
    await cloud.operator.rest()
    await ask()
    await later(3600)
    await refused('ImageNotFound')
  })
  test('an Image that does not fit the Flavor', async () => {
    cloud.make('images', 'large', { minDiskGiB: 500 })
    await name('large')
    await ask()
    await refused('FlavorTooSmall')
  })
  describe('an Image that needs more than the machine has, in words of that', () => {
    const said = () => findCondition(action().status?.conditions, 'Ready')?.message
    const large = async (spec: object = { minDiskGiB: 5 }) => {
      cloud.make('images', 'large', spec)
      await name('large')
    }
    test('with another Flavor by then, and after a start with it, it is rebuilt', async () => {
      await large()
      await ask()
      await refused('FlavorTooSmall')
      expect(said()).toBe(
        'Image ns/large needs a root disk of 5 GiB, and the machine has one of 1 GiB: name a Flavor with a root disk of at least 5 GiB in its spec.flavorRef, stop and start it, and ask again',
      )
      cloud.make('flavors', 'wide', { rootDiskGiB: 5 })
      cloud.set('instances', 'vm', { flavorRef: { name: 'wide' } })
      await ask('early')
      expect(findCondition(action('early').status?.conditions, 'Ready')?.message).toMatch(
        /has one of 1 GiB: stop and start it, which gives it the size of Flavor wide, and ask again$/,
      )
      // From its next start on it has the size of its document.
      cloud.operator.answer = (document) => {
        const said = node.answer(document)
        if (!said || document.kind !== 'instance' || document.tombstone) return said
        const { vcpus, memoryMiB, rootDiskGiB } = document.spec
        return { ...said, facts: { ...said.facts, vcpus, memoryMiB, rootDiskGiB } }
      }
      for (const runState of ['Stopped', 'Running']) {
        cloud.set('instances', 'vm', { runState })
        await cloud.operator.rest()
      }
      await ask('again2')
      expect(action('again2').status).toMatchObject({ state: 'Succeeded', image: { name: 'large' } })
    })
    test('where its Flavor sets no root disk, that is not said of the Flavor', async () => {
      cloud.set('flavors', 'small', { rootDiskGiB: 0 })
      await large()
      await ask()
      await refused('FlavorTooSmall')
      expect(said()).toMatch(
        /^Image ns\/large needs a root disk of 5 GiB, and the machine has one of 1 GiB, as large as what it was first made from since its Flavor sets none: name a Flavor with/,
      )
    })
    test('memory', async () => {
      await large({ minMemoryMiB: 512 })
      await ask()
      await refused('FlavorTooSmall')
      expect(said()).toMatch(
        /needs memory of 512 MiB, and the machine has 256 MiB: name a Flavor with memory of at least 512 MiB/,
      )
    })
  })
  test('an Image that the node cannot run', async () => {
    cloud.make('images', 'alien', { properties: { hw_require_kvm: 'true' } })
    await name('alien')
    await ask()
    await refused('NoValidHost')
    const said = findCondition(action().status?.conditions, 'Ready')?.message
    expect(said).toMatch(/where the machine is, has no KVM/)
  })
  test('a machine that is to be off', async () => {
    cloud.set('instances', 'vm', { runState: 'Stopped' })
    await ask()
    expect(cloud.operator.reason('instanceActions', ns('again'))).toBe('InstanceNotRunning')
  })
})

test('while it may be made from it its Image stays, whatever becomes of the action', async () => {
  const where = cloud.nodeOf('vm')
  cloud.operator.answer = (document) => (document.node === where ? undefined : node.answer(document))
  await name('other')
  await ask()
  expect(action().status?.state).toBe('Running')
  expect(vm().status?.rebuilds).toMatchObject([{ rootDisk: 1, image: { name: 'other' } }])
  cloud.operator.remove('images', ns('other'))
  cloud.operator.remove('instanceActions', ns('again'))
  await cloud.operator.rest()
  expect(cloud.operator.reason('images', ns('other'))).toBe('InUse')
  // Told that nobody asks for it any more, the node does not make it.
  cloud.operator.answer = node.answer
  cloud.operator.beat(where)
  await cloud.operator.rest()
  cloud.set('instances', 'vm', { metadata: { again: '1' } })
  await cloud.operator.rest()
  expect([madeFrom(), done(), vm().status?.rebuilds]).toEqual(['guest', [], undefined])
})

describe('the store is restored to before a rebuild that was done', () => {
  /** What was stored by then comes back, and nothing else; another operator leads. */
  const restore = async (stored: { vm: Instance; action?: InstanceAction }) => {
    cloud.operator.store('instances', stored.vm)
    if (stored.action) cloud.operator.store('instanceActions', stored.action)
    else cloud.drop('instanceActions', 'again')
    cloud.changeLeader('kept')
    cloud.operator.answer = node.answer
    await cloud.operator.rest()
  }
  /** As they were stored when the action had that state first. */
  const before = async (state?: 'Pending' | 'Running') => {
    await name('other')
    const where = cloud.nodeOf('vm')
    cloud.operator.answer = (document) => (document.node === where ? undefined : node.answer(document))
    if (state === undefined) {
      const stored = structuredClone(vm())
      await ask()
      return { vm: stored }
    }
    if (state === 'Pending') cloud.operator.silence(where)
    await ask()
    const stored = { vm: structuredClone(vm()), action: structuredClone(action()) }
    expect(stored.action.status?.state).toBe(state)
    cloud.operator.beat(where)
    return stored
  }
  const finish = async () => {
    cloud.operator.answer = node.answer
    cloud.operator.beat(cloud.nodeOf('vm'))
    await cloud.operator.rest()
    cloud.set('instanceActions', 'again', { ttlSecondsAfterFinished: 9 })
    await cloud.operator.rest()
    expect([action().status?.state, madeFrom(), vm().status?.rootDisk]).toEqual(['Succeeded', 'other', 1])
  }
  const once = () => ['shutdown', `make-1-${uidOf('other')}`, 'on']

  test('and the action was not there: the machine goes on with its disk, which is told, until it is rebuilt again', async () => {
    const stored = await before()
    await finish()
    await restore(stored)
    expect([done(), vm().status?.state, vm().status?.rootDisk, madeFrom()]).toEqual([once(), 'ACTIVE', 1, undefined])
    expect(findCondition(vm().status?.conditions, 'RebuildPending')?.reason).toBe('ImageUnknown')
    await ask('next')
    expect(action('next').status).toMatchObject({ state: 'Succeeded', rootDisk: 2 })
    expect([vm().status?.rootDisk, madeFrom()]).toEqual([2, 'other'])
    expect(findCondition(vm().status?.conditions, 'RebuildPending')).toBeUndefined()
  })

  test('and the machine had not taken it up: its end is heard all the same', async () => {
    const stored = await before('Running')
    delete stored.vm.status?.rebuilds
    await finish()
    await restore(stored)
    expect([done(), action().status?.state, vm().status?.rootDisk]).toEqual([once(), 'Succeeded', 1])
  })

  test.each(['Pending', 'Running'] as const)('and the action was %s: it is not done again', async (state) => {
    const stored = await before(state)
    await finish()
    await restore(stored)
    expect([done(), vm().status?.state, vm().status?.rootDisk]).toEqual([once(), 'ACTIVE', 1])
    expect(action().status?.state).toBe('Succeeded')
    expect(vm().status).not.toHaveProperty('rebuilds')
    // Under which number it was given is not known where it had not begun.
    expect(madeFrom()).toBe(state === 'Running' ? 'other' : undefined)
  })
})
