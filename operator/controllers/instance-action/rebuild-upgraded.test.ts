// SPDX-License-Identifier: Apache-2.0
// A rebuild and a rescue of machines that a version before status.image had placed, with all controllers in memory.
import { beforeEach, expect, test } from '@jest/globals'
import type { Instance, InstanceAction } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import { ActingNode } from '../../testing/acting-node.ts'
import { ns, QuietCloud } from '../../testing/quiet-cloud.ts'

let cloud: QuietCloud
let node: ActingNode

beforeEach(async () => {
  cloud = await QuietCloud.furnished()
  node = new ActingNode()
  cloud.operator.answer = node.answer
  cloud.make('images', 'other')
  cloud.vm('vm')
  await cloud.operator.rest()
})

const vm = () => cloud.operator.get('instances', ns('vm')) as Instance
const action = (name: string) => cloud.operator.get('instanceActions', ns(name)) as InstanceAction
const pending = () => findCondition(vm().status?.conditions, 'RebuildPending')?.reason
const uidOf = (image: string) => cloud.operator.get('images', ns(image)).metadata.uid
const ask = async (name: string, type: InstanceAction['spec']['type'], more: object = {}) => {
  cloud.make('instanceActions', name, { instanceRef: { name: 'vm' }, type, ...more })
  await cloud.operator.rest()
}

/** The former operator ended before it heard of the change; the new one finds what that had stored. */
async function upgrade({ isGone = false } = {}): Promise<void> {
  const { status, ...machine } = structuredClone(vm())
  delete status!.image
  cloud.operator.store('instances', {
    ...{ ...machine, status },
    spec: { ...machine.spec, imageRef: { name: 'other' } },
    metadata: { ...machine.metadata, generation: 2 },
  })
  if (isGone) cloud.drop('images', 'guest')
  cloud.changeLeader('kept')
  cloud.operator.answer = node.answer
  await cloud.operator.rest()
}

test('it says that a Rebuild is pending, holds its former Image, and is rebuilt', async () => {
  await upgrade()
  expect([vm().status?.image?.name, pending()]).toEqual(['guest', 'OtherImage'])
  cloud.operator.remove('images', ns('guest'))
  await cloud.operator.rest()
  expect(cloud.operator.reason('images', ns('guest'))).toBe('InUse')
  await ask('again', 'Rebuild')
  expect(action('again').status).toMatchObject({ state: 'Succeeded', image: { name: 'other' } })
  expect(vm().status).toMatchObject({ state: 'ACTIVE', rootDisk: 1, image: { name: 'other', uid: uidOf('other') } })
  expect(pending()).toBeUndefined()
})

test('without a name of an Image it is rescued from the one that its root disk was made from', async () => {
  await upgrade()
  await ask('help', 'Rescue')
  expect(action('help').status).toMatchObject({ state: 'Succeeded', image: { name: 'guest' } })
})

test('where its former Image is gone it says so, runs on, is rescued from one that is named, and rebuilt', async () => {
  await upgrade({ isGone: true })
  expect([vm().status?.image, vm().status?.state, pending()]).toEqual([undefined, 'ACTIVE', 'ImageUnknown'])
  await ask('help', 'Rescue', { rescue: { imageRef: { name: 'other' } } })
  await ask('over', 'Unrescue')
  expect([action('help').status?.state, action('over').status?.state]).toEqual(['Succeeded', 'Succeeded'])
  expect([vm().status?.image, vm().status?.state, pending()]).toEqual([undefined, 'ACTIVE', 'ImageUnknown'])
  await ask('again', 'Rebuild')
  expect(action('again').status?.state).toBe('Succeeded')
  expect(vm().status).toMatchObject({ state: 'ACTIVE', rootDisk: 2, image: { name: 'other' } })
  expect([pending(), cloud.operator.reason('instances', ns('vm'))]).toEqual([undefined, 'Ready'])
})
