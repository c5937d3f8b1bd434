// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { findShortage } from './capacity.ts'

const has = { cpus: 2, memoryMiB: 4096, availableMemoryMiB: 2048, freeDiskBytes: 20 * 2 ** 30 }
const want = { vcpus: 1, memoryMiB: 512, rootBytes: 2 ** 30, ephemeralGiB: 0, swapMiB: 0 }
test.each([
  ['fits', {}, [], undefined],
  ['vCPUs', { vcpus: 33 }, [], 'vCPUs'],
  ['vCPUs beside others', { vcpus: 2 }, [{ vcpus: 31, memoryMiB: 64 }], 'vCPUs'],
  ['memory beside others', {}, [{ vcpus: 1, memoryMiB: 4000 }], 'memory in all'],
  ['memory now', { memoryMiB: 3000 }, [], 'free now'],
  ['disk', { ephemeralGiB: 20 }, [], 'disks'],
])('%s', (_name, change, others, message) => {
  const shortage = findShortage({ ...want, ...change }, others, has)
  if (message === undefined) expect(shortage).toBeUndefined()
  else expect(shortage).toContain(message)
})
