// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { Instance } from '../../../lib/api/types.ts'
import type { ObservedFacts } from '../../../lib/contract/documents.ts'
import { stored, memoryWorld } from '../../testing/memory-deps.ts'
import { recordRootDisk, sayRebuild } from './root-disk.ts'

const from = (name: string) => ({ namespace: 'ns', name, uid: `u-${name}`, sha256: 'a'.repeat(64) })
const given = (rootDisk: number, name: string) => ({ rootDisk, actionUID: `a-${rootDisk}`, image: from(name) })
const machine = (status: Instance['status'] = {}): Instance =>
  stored<Instance>(
    'vm',
    { flavorRef: { name: 'f' }, imageRef: { name: 'two' } },
    { status: { node: 'n1', epoch: 3, image: from('one'), ...status } },
  )
function reported(of: Instance, facts: ObservedFacts, { epoch = 3, running = '' } = {}) {
  const world = memoryWorld()
  world.report('instance', of, { node: 'n1', state: 'running', epoch, facts })
  const asked = running === '' ? undefined : { metadata: { ...of.metadata, uid: running } }
  recordRootDisk(of, world.bus.observed.find('instance', of.metadata.uid, 'n1'), asked)
  const { image, rootDisk, rebuilds } = of.status ?? {}
  return [image?.name, rootDisk, rebuilds?.map((one) => one.rootDisk)]
}
const rebuilds = [given(1, 'two'), given(2, 'three')]

test.each<[string, ObservedFacts, unknown[]]>([
  ['nothing is said', {}, ['one', undefined, [1, 2]]],
  ['none was made yet', { rootDisk: 0, rootDisksSettled: 0 }, ['one', undefined, [1, 2]]],
  ['the first was made', { rootDisk: 1, rootDisksSettled: 1 }, ['two', 1, [2]]],
  ['the first was given up', { rootDisk: 0, rootDisksSettled: 1 }, ['one', undefined, [2]]],
  ['the second was made', { rootDisk: 2, rootDisksSettled: 2 }, ['three', 2, undefined]],
  ['both were given up', { rootDisk: 0, rootDisksSettled: 2 }, ['one', undefined, undefined]],
  ['one that nobody knows of was made', { rootDisk: 7, rootDisksSettled: 7 }, [undefined, 7, undefined]],
])('%s', (_, facts, expected) => {
  expect(reported(machine({ rebuilds }), facts)).toEqual(expected)
})

test('what is said of another place, or was said before, changes nothing', () => {
  expect(reported(machine({ rebuilds }), { rootDisk: 1 }, { epoch: 2 })).toEqual(['one', undefined, [1, 2]])
  expect(reported(machine({ rootDisk: 2, rebuilds }), { rootDisk: 1, rootDisksSettled: 2 })).toEqual(['one', 2, [1, 2]])
})

test('one whose end was not heard yet is asked for until then', () => {
  const asked = { running: 'a-1' }
  expect(reported(machine({ rebuilds }), { rootDisk: 0, rootDisksSettled: 2 }, asked)).toEqual(['one', undefined, [1]])
  expect(reported(machine({ rebuilds }), { rootDisk: 1, rootDisksSettled: 2 }, asked)).toEqual(['two', 1, [1]])
})

test('what its node refused under a number that it has is not what it has: that was given before the store was restored', () => {
  const refused: ObservedFacts['action'] = { uid: 'a-1', steps: [], result: 'Failed', reason: 'RootDiskSuperseded' }
  const facts: ObservedFacts = { rootDisk: 1, rootDisksSettled: 1, action: refused }
  expect(reported(machine({ rebuilds: [given(1, 'two')] }), facts)).toEqual([undefined, 1, undefined])
  const other = { ...facts, action: { ...refused, uid: 'a-0' } }
  expect(reported(machine({ rebuilds: [given(1, 'two')] }), other)).toEqual(['two', 1, undefined])
})

test('another Image in the spec is told, and is none any more once the machine has it', () => {
  const { run } = memoryWorld()
  const said = (of: Instance) => {
    sayRebuild(of, run)
    return of.status?.conditions?.map(({ type, reason, message }) => [type, reason, message.replace(/:.*/, '')])
  }
  const one = machine()
  expect(said(one)).toEqual([
    ['RebuildPending', 'OtherImage', 'the root disk was made from Image ns/one, and spec.imageRef names ns/two'],
  ])
  Object.assign(one.status!, { image: from('two') })
  expect(said(one)).toEqual([])
  const lost = machine({ rootDisk: 4 })
  delete lost.status!.image
  expect(said(lost)?.[0]?.[1]).toBe('ImageUnknown')
  expect(said(stored<Instance>('vm', one.spec, { status: {} }))).toBeUndefined()
})
