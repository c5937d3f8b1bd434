// SPDX-License-Identifier: Apache-2.0
// An Image and two nodes that import images. For tests.
import type { ComputeNode, Image } from '../../lib/api/types.ts'
import { memoryWorld, stored, type MemoryWorld } from './memory-deps.ts'

export const SHA = 'ab'.repeat(32)

export const image = (status?: Image['status'], more: object = {}): Image =>
  stored<Image>(
    'guest',
    { source: { http: { url: 'http://x/y' } }, format: 'qcow2' },
    { ...(status ? { status } : {}), ...more },
  )

export const importing: Image['status'] = { importNode: 'n1', epoch: 1, state: 'importing' }

/** Both nodes have the image role and have been heard. */
export function imageWorld(): MemoryWorld {
  const w = memoryWorld()
  for (const name of ['n1', 'n2'])
    w.put('computeNodes', stored<ComputeNode>(name, {}, { namespace: '', status: { roles: ['image'] } }))
  w.bus.heartbeats.expect(['n1', 'n2'])
  for (const name of ['n1', 'n2']) w.bus.heartbeats.beat(name, 'boot-0001')
  return w
}
