// SPDX-License-Identifier: Apache-2.0
// Of the thousands of nodes that have a copy of an Image, those whose reports wake it: by the controller as it is run.
import { expect, test } from '@jest/globals'
import type { Image } from '../../../lib/api/types.ts'
import { withKindWakes } from '../../kind/kind-wakes.ts'
import { image, importing } from '../../testing/image-world.ts'
import { MemoryCluster } from '../../testing/memory-cluster.ts'
import { imageController } from './controller.ts'

test.each<[string, Image, string, boolean]>([
  ['the node that imports it', image(importing), 'n1', true],
  ['one with a copy for its machines', image(importing), 'n2', false],
  ['any, while it is being deleted', image(importing, { deleted: true }), 'n2', true],
  ['none, while nobody imports it', image(), 'n1', false],
])('%s: woken %#', (_, stored, node, isWoken) => {
  const cluster = new MemoryCluster()
  const { world: w } = cluster
  const informers = cluster.informers()
  const { sources = [] } = withKindWakes(imageController(w.deps, informers), w.deps, informers)
  w.put('images', stored)
  const woken: string[] = []
  const waker = { enqueue: () => undefined, enqueueAll: () => undefined, enqueueUid: (uid: string) => woken.push(uid) }
  for (const subscribe of sources) subscribe(waker)
  w.report('image', stored, { node, epoch: 1, state: 'ready' })
  expect(woken).toEqual(isWoken ? [stored.metadata.uid] : [])
})
