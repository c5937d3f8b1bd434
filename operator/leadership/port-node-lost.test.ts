// SPDX-License-Identifier: Apache-2.0
// Whatever a machine's port had come to when its node died: the word that the node is lost ends both, and nobody has to touch them.
import { expect, test } from '@jest/globals'
import { wellAnswered } from '../testing/answers.ts'
import { ns, QuietCloud } from '../testing/quiet-cloud.ts'

test.each([
  ['was never plugged', false, false],
  ['was plugged', true, false],
  ['was plugged, while other changes come between', true, true],
  ['was never plugged, while other changes come between', false, true],
])('a port whose node let go of the machine, and then died: it %s', async (_, isPlugged, isInterleaved) => {
  const cloud = await QuietCloud.furnished()
  const { operator } = cloud
  operator.isInterleaved = isInterleaved
  operator.answer = (document) => {
    if (document.kind === 'port' && document.tombstone) return undefined
    if (isPlugged || document.tombstone) return wellAnswered(document)
    if (document.kind === 'port') return { state: 'plugging', facts: { ovnInstalled: false } }
    if (document.kind === 'instance') return { state: 'building', facts: { stages: ['ImageCached'] } }
    return wellAnswered(document)
  }
  cloud.vm('vm')
  await operator.rest()
  const node = cloud.nodeOf('vm')
  const { instances, ports } = operator.world.deps.caches
  expect(ports.size).toBe(1)
  operator.remove('instances', ns('vm'))
  await operator.rest()
  operator.silence(node)
  await operator.rest()
  expect([instances.size, ports.size]).toEqual([1, 1])
  cloud.set('computeNodes', node, { lost: 'Confirmed' })
  await operator.rest()
  expect([instances.size, ports.size]).toEqual([0, 0])
})
