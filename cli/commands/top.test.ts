// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { ComputeNode, Instance } from '../../lib/api/types.ts'
import { usesOf } from './top.ts'

const meta = (name: string) => ({ metadata: { name, uid: name, resourceVersion: '1' } })
const node = (name: string, status: ComputeNode['status']): ComputeNode => ({ ...meta(name), spec: {}, status })
const on = (name: string, where: string, memoryMiB: number): Instance => ({
  ...meta(name),
  spec: { flavorRef: { name: 'f' }, imageRef: { name: 'i' } },
  status: { node: where, flavor: { vcpus: 2, memoryMiB, rootDiskGiB: 10, ephemeralGiB: 5, swapMiB: 512 } },
})

test('what machines have on each node, the fullest first', () => {
  const nodes = [
    node('a', {
      state: 'up',
      zone: 'z',
      free: { vcpus: 28, memoryMiB: 1000, diskGiB: 80 },
      inventory: { cpus: 8, memoryMiB: 4096, diskGiB: 100 },
    }),
    node('b', { state: 'up', closed: 'cordoned' }),
    node('c', {}),
  ]
  const uses = usesOf(nodes, [on('1', 'a', 512), on('2', 'b', 1024), on('3', 'b', 1024), on('4', 'gone', 1)])
  expect(uses).toEqual([
    {
      name: 'b',
      state: 'up',
      closed: 'cordoned',
      instances: 2,
      vcpus: { given: 4 },
      memoryMiB: { given: 2048 },
      diskGiB: { given: 31 },
    },
    {
      ...{ name: 'a', state: 'up', zone: 'z', instances: 1, vcpus: { given: 2, free: 28, total: 8 } },
      ...{ memoryMiB: { given: 512, free: 1000, total: 4096 }, diskGiB: { given: 16, free: 80, total: 100 } },
    },
    { name: 'c', state: 'unknown', instances: 0, vcpus: { given: 0 }, memoryMiB: { given: 0 }, diskGiB: { given: 0 } },
  ])
})
