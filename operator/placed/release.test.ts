// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { ComputeNode, Instance } from '../../lib/api/types.ts'
import { memoryWorld, stored } from '../testing/memory-deps.ts'
import { MAX_RELEASES } from './release-desk.ts'
import { hasReleased } from './release.ts'
import type { Placement } from './placement.ts'

const object = stored<Instance>('vm', { flavorRef: { name: 'f' }, imageRef: { name: 'i' } })
const placement: Placement = { kind: 'instance', object, node: 'c1', epoch: 3 }
const kept = (epoch: number) => ({ kind: 'instance' as const, uid: 'uid-vm', name: 'vm', epoch })
const node = (spec: ComputeNode['spec'], releases: ReturnType<typeof kept>[] = []) =>
  stored<ComputeNode>('c1', spec, { namespace: '', status: { releases } })

test.each<[string, { state: string; epoch: number; node?: string } | undefined, ComputeNode, boolean]>([
  ['nobody spoke', undefined, node({}), false],
  ['gone', { state: 'gone', epoch: 3 }, node({}), true],
  ['gone under a later epoch', { state: 'gone', epoch: 4 }, node({}), true],
  ['gone under an older epoch', { state: 'gone', epoch: 2 }, node({}), false],
  ['another node has it gone', { state: 'gone', epoch: 3, node: 'c2' }, node({}), false],
  ['it fails to go', { state: 'failed', epoch: 3 }, node({}), false],
  ['it is stopped', { state: 'stopped', epoch: 9 }, node({}), false],
  ['the release is kept, and the node not given up', undefined, node({}, [kept(3)]), false],
  ['the node is given up, and nothing kept', undefined, node({ lost: 'Confirmed' }), false],
  ['the node is given up, and the release kept', undefined, node({ lost: 'Confirmed' }, [kept(3)]), true],
  ['the node is given up, and an older release kept', undefined, node({ lost: 'Confirmed' }, [kept(2)]), false],
  [
    'the node is given up, and a release of another machine kept',
    undefined,
    node({ lost: 'Confirmed' }, [{ ...kept(3), uid: 'uid-other' }]),
    false,
  ],
  [
    'the node is given up, and can keep no more',
    undefined,
    node(
      { lost: 'Confirmed' },
      Array.from({ length: MAX_RELEASES }, (_, i) => ({ ...kept(1), uid: `u-${i}` })),
    ),
    true,
  ],
])('a machine of the third epoch, %s: released %#', (_, report, computeNode, released) => {
  const w = memoryWorld()
  w.put('computeNodes', computeNode)
  if (report) w.report('instance', object, { node: 'c1', ...report })
  expect(hasReleased(placement, w.deps)).toBe(released)
})

test('a node without a ComputeNode has released copies only', () => {
  const w = memoryWorld()
  expect(hasReleased(placement, w.deps)).toBe(false)
  expect(hasReleased({ ...placement, kind: 'image' }, w.deps)).toBe(true)
})
