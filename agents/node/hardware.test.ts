// SPDX-License-Identifier: Apache-2.0
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { collectHardware } from './hardware.ts'
import { parseMeminfoMiB } from './meminfo.ts'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'nephele-hardware-'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

async function put(files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), `${text}\n`)
  }
}

test.each([
  ['MemTotal:       16384000 kB\nMemFree: 1 kB', 16000],
  ['Node 0 MemTotal:       2048 kB', 2],
  ['', 0],
])('meminfo %j', (text, mib) => expect(parseMeminfoMiB(text, 'MemTotal')).toBe(mib))

test('two cells with threads and hugepages; a CPU that is off is not there', async () => {
  const cpu = 'sys/devices/system/cpu'
  const node = 'sys/devices/system/node'
  await put({
    [`${cpu}/online`]: '0-2',
    'proc/meminfo': 'MemTotal: 4194304 kB\nHugepagesize: 2048 kB\nHugetlb: 131072 kB',
    [`${node}/node0/cpulist`]: '0-1',
    [`${node}/node0/meminfo`]: 'Node 0 MemTotal: 2097152 kB',
    [`${node}/node0/hugepages/hugepages-2048kB/nr_hugepages`]: '64',
    [`${node}/node0/hugepages/hugepages-2048kB/free_hugepages`]: '60',
    [`${node}/node1/cpulist`]: '2-3',
    [`${node}/node1/meminfo`]: 'Node 1 MemTotal: 2097152 kB',
    [`${cpu}/cpu0/topology/core_id`]: '0',
    [`${cpu}/cpu0/topology/physical_package_id`]: '-1',
    [`${cpu}/cpu0/topology/thread_siblings_list`]: '0-1',
  })
  const hardware = await collectHardware(root, root)
  expect(hardware).toMatchObject({ cpus: 3, memoryMiB: 4096, hugepagesMiB: 128 })
  expect(hardware.diskGiB).toBeGreaterThan(0)
  expect(hardware.numa).toEqual([
    {
      id: 0,
      memoryMiB: 2048,
      cpus: [
        { id: 0, core: 0, socket: 0, siblings: [0, 1] },
        { id: 1, core: 1, socket: 0, siblings: [1] },
      ],
      hugepages: [{ sizeKiB: 2048, total: 64, free: 60 }],
    },
    { id: 1, memoryMiB: 2048, cpus: [{ id: 2, core: 2, socket: 0, siblings: [2] }], hugepages: [] },
  ])
})

test('a kernel without NUMA is one cell', async () => {
  await put({ 'sys/devices/system/cpu/online': '0', 'proc/meminfo': 'MemTotal: 1048576 kB' })
  const { numa } = await collectHardware(root, root)
  expect(numa).toEqual([
    { id: 0, memoryMiB: 1024, cpus: [{ id: 0, core: 0, socket: 0, siblings: [0] }], hugepages: [] },
  ])
})
