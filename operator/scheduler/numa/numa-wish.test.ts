// SPDX-License-Identifier: Apache-2.0
// Nova's rules for extra specs, one by one.
import { describe, expect, test } from '@jest/globals'
import { isNumaSpec, numaWishOf, type NumaWish } from './numa-wish.ts'

const SIZE = { vcpus: 4, memoryMiB: 1024 }
const wish = (specs: Record<string, string>) => numaWishOf(SIZE, specs)
const ONE = [{ vcpus: [0, 1, 2, 3], memoryMiB: 1024 }]
const TWO = [
  { vcpus: [0, 1], memoryMiB: 512 },
  { vcpus: [2, 3], memoryMiB: 512 },
]

describe('what is asked for', () => {
  test.each<[string, Record<string, string>, NumaWish | undefined]>([
    ['nothing', {}, undefined],
    ['nothing by other keys', { 'hw:cpu_cores': '2', numa: '1' }, undefined],
    ['nothing beyond the default policy', { 'hw:cpu_policy': 'shared' }, undefined],
    ['CPUs of its own are on one cell', { 'hw:cpu_policy': 'dedicated' }, { cells: ONE, dedicated: 'prefer' }],
    [
      'a core for each',
      { 'hw:cpu_policy': 'dedicated', 'hw:cpu_thread_policy': 'isolate' },
      { cells: ONE, dedicated: 'isolate' },
    ],
    ['one cell', { 'hw:numa_nodes': '1' }, { cells: ONE }],
    ['two equal ones', { 'hw:numa_nodes': '2' }, { cells: TWO }],
    [
      'two that are not',
      {
        ...{ 'hw:numa_nodes': '2', 'hw:numa_cpus.0': '0,2-3', 'hw:numa_mem.0': '768' },
        ...{ 'hw:numa_cpus.1': '1', 'hw:numa_mem.1': '256' },
      },
      {
        cells: [
          { vcpus: [0, 2, 3], memoryMiB: 768 },
          { vcpus: [1], memoryMiB: 256 },
        ],
      },
    ],
    ['hugepages of a size', { 'hw:mem_page_size': '2048' }, { cells: ONE, hugepages: 2048 }],
    ['by its unit', { 'hw:mem_page_size': '2MB' }, { cells: ONE, hugepages: 2048 }],
    ['of any size', { 'hw:mem_page_size': 'large', 'hw:numa_nodes': '2' }, { cells: TWO, hugepages: 'large' }],
    ['ordinary pages are on one cell, too', { 'hw:mem_page_size': 'small' }, { cells: ONE }],
    ['4 KiB is ordinary', { 'hw:mem_page_size': '4' }, { cells: ONE }],
    ['a policy for devices alone is no topology', { 'hw:pci_numa_affinity_policy': 'required' }, undefined],
    [
      'devices on its cells',
      { 'hw:numa_nodes': '1', 'hw:pci_numa_affinity_policy': 'required' },
      { cells: ONE, pciPolicy: 'required' },
    ],
    ['as by default', { 'hw:numa_nodes': '1', 'hw:pci_numa_affinity_policy': 'legacy' }, { cells: ONE }],
    ['any leaves it to the node', { 'hw:mem_page_size': 'any' }, { cells: ONE }],
  ])('%s', (_, specs, expected) => expect(wish(specs)).toEqual(expected))
})

describe('what no node can give is refused by its name', () => {
  test.each<[Record<string, string>, string]>([
    [{ 'hw:cpu_policy': 'mixed' }, 'hw:cpu_policy is "mixed"'],
    [{ 'hw:cpu_thread_policy': 'isolate' }, 'for hw:cpu_policy dedicated'],
    [{ 'hw:cpu_policy': 'dedicated', 'hw:cpu_thread_policy': 'both' }, 'hw:cpu_thread_policy is "both"'],
    [{ 'hw:pci_numa_affinity_policy': 'socket' }, 'hw:pci_numa_affinity_policy is "socket"'],
    [{ 'hw:mem_page_size': 'huge' }, 'hw:mem_page_size is "huge"'],
    [{ 'hw:mem_page_size': '2' }, 'hw:mem_page_size is "2"'],
    [{ 'hw:mem_page_size': '3MB' }, 'no whole number of hugepages of 3072 KiB'],
    [{ 'hw:mem_page_size': '1GB', 'hw:numa_nodes': '2' }, 'the 512 MiB of cell 0'],
    [{ 'hw:numa_nodes': '0' }, 'hw:numa_nodes is "0"'],
    [{ 'hw:numa_nodes': '9' }, 'not a number from 1 to 8'],
    [{ 'hw:numa_nodes': 'x'.repeat(99) }, `"${'x'.repeat(32)}"`],
    [{ 'hw:numa_nodes': '3' }, '4 vCPUs and 1024 MiB cannot be shared out equally'],
    [{ 'hw:numa_cpus.0': '0-3' }, 'hw:numa_cpus.0 is without hw:numa_nodes'],
    [{ 'hw:numa_nodes': '1', 'hw:numa_mem.1': '5' }, 'hw:numa_mem.1 is of a cell that hw:numa_nodes 1 does not have'],
    [{ 'hw:numa_nodes': '1', 'hw:numa_mem.0': '1024' }, 'needs both'],
    [{ 'hw:numa_nodes': '1', 'hw:numa_cpus.0': '0-3', 'hw:numa_mem.0': '1 GB' }, 'hw:numa_mem.0 is "1 GB"'],
    [{ 'hw:numa_nodes': '1', 'hw:numa_cpus.0': 'all', 'hw:numa_mem.0': '1024' }, 'hw:numa_cpus.0 is "all"'],
    [{ 'hw:numa_nodes': '1', 'hw:numa_cpus.0': '0-2', 'hw:numa_mem.0': '1024' }, 'vCPUs 0 to 3 once'],
    [{ 'hw:numa_nodes': '1', 'hw:numa_cpus.0': '0-4', 'hw:numa_mem.0': '1024' }, 'vCPUs 0 to 3 once'],
    [
      { 'hw:numa_nodes': '1', 'hw:numa_cpus.0': '0-3', 'hw:numa_mem.0': '1000' },
      '1000 MiB together, the Flavor has 1024',
    ],
    [
      {
        ...{ 'hw:numa_nodes': '2', 'hw:numa_cpus.0': '0-2', 'hw:numa_mem.0': '512' },
        ...{ 'hw:numa_cpus.1': '2-3', 'hw:numa_mem.1': '512' },
      },
      'vCPUs 0 to 3 once',
    ],
  ])('%j', (specs, message) => {
    const reason = 'InvalidNUMATopology'
    expect(() => wish(specs)).toThrow(expect.objectContaining({ reason, message: expect.stringContaining(message) }))
  })
})

test('which keys are read', () => {
  const keys = ['hw:cpu_policy', 'hw:numa_cpus.12', 'hw:numa_mem.0', 'hw:require_kvm', 'hw:numa_cpus', 'numa_nodes']
  expect(keys.filter(isNumaSpec)).toEqual(keys.slice(0, 3))
})
