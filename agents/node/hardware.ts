// SPDX-License-Identifier: Apache-2.0
// CPUs, memory and hugepages as the kernel reports them. Formats: Documentation/admin-guide/cputopology.rst, mm/hugetlbpage.rst and
// filesystems/proc.rst of the kernel.
import { readFile, readdir, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { z } from 'zod'
import { parseCpuList } from '../../lib/cpu-list.ts'
import type { NumaCell } from '../../lib/contract/documents.ts'
import { parseMeminfoMiB, readMemory } from './meminfo.ts'

type Cell = z.infer<typeof NumaCell>
type Cpu = Cell['cpus'][number]

export interface Hardware {
  cpus: number
  memoryMiB: number
  hugepagesMiB: number
  diskGiB: number
  numa: Cell[]
}

/** @param root of the file system, another in tests; @param stateDir the folder whose file system holds disks and images */
export async function collectHardware(stateDir: string, root = '/'): Promise<Hardware> {
  const sys = join(root, 'sys/devices/system')
  const online = parseCpuList(await readFile(join(sys, 'cpu/online'), 'utf8'))
  const { totalMiB, hugepagesMiB } = await readMemory(root)
  const disk = await statfs(stateDir)
  const cells = await readCells(sys, new Set(online))
  return {
    cpus: online.length,
    memoryMiB: totalMiB,
    hugepagesMiB,
    diskGiB: Math.floor((disk.blocks * disk.bsize) / 1024 ** 3),
    numa: cells.length > 0 ? cells : [await theOnlyCell(sys, online, totalMiB)],
  }
}

/** A cell with what could be allocated there now without swapping, in ordinary pages. */
export type MeasuredCell = Cell & { availableMemoryMiB: number }

/** As the inventory has them. */
export async function readHostCells(root = '/'): Promise<MeasuredCell[]> {
  const sys = join(root, 'sys/devices/system')
  const online = parseCpuList(await readFile(join(sys, 'cpu/online'), 'utf8'))
  const cells = await readCells(sys, new Set(online))
  if (cells.length === 0) {
    const { totalMiB, availableMiB } = await readMemory(root)
    return [{ ...(await theOnlyCell(sys, online, totalMiB)), availableMemoryMiB: availableMiB }]
  }
  return Promise.all(
    cells.map(async (cell) => {
      const text = await readFile(join(sys, 'node', `node${cell.id}`, 'meminfo'), 'utf8')
      // The kernel has no MemAvailable of a cell: free, and caches of files, which it gives up.
      const fields = ['MemFree', 'Active(file)', 'Inactive(file)', 'SReclaimable']
      return { ...cell, availableMemoryMiB: fields.reduce((sum, field) => sum + parseMeminfoMiB(text, field), 0) }
    }),
  )
}

async function readCells(sys: string, online: ReadonlySet<number>): Promise<Cell[]> {
  const names = await readdir(join(sys, 'node')).catch(() => [])
  const ids = names.flatMap((name) => /^node(\d+)$/.exec(name)?.[1] ?? []).map(Number)
  return Promise.all(
    ids
      .sort((a, b) => a - b)
      .map(async (id) => {
        const dir = join(sys, 'node', `node${id}`)
        const cpus = parseCpuList(await readFile(join(dir, 'cpulist'), 'utf8')).filter((cpu) => online.has(cpu))
        return {
          id,
          memoryMiB: parseMeminfoMiB(await readFile(join(dir, 'meminfo'), 'utf8'), 'MemTotal'),
          cpus: await Promise.all(cpus.map((cpu) => readCpu(sys, cpu))),
          hugepages: await readHugepages(join(dir, 'hugepages')),
        }
      }),
  )
}

/** For a kernel without NUMA. */
async function theOnlyCell(sys: string, online: readonly number[], memoryMiB: number): Promise<Cell> {
  const cpus = await Promise.all(online.map((cpu) => readCpu(sys, cpu)))
  return { id: 0, memoryMiB, cpus, hugepages: await readHugepages(join(sys, '../../kernel/mm/hugepages')) }
}

async function readCpu(sys: string, id: number): Promise<Cpu> {
  const topology = join(sys, 'cpu', `cpu${id}`, 'topology')
  const read = (name: string) => readFile(join(topology, name), 'utf8').catch(() => '')
  const [core, socket, siblings] = await Promise.all(
    ['core_id', 'physical_package_id', 'thread_siblings_list'].map((name) => read(name)),
  )
  return {
    id,
    core: Number(core || id),
    // Virtual machines without a topology report -1.
    socket: Math.max(0, Number(socket || 0)),
    siblings: siblings ? parseCpuList(siblings) : [id],
  }
}

async function readHugepages(dir: string): Promise<Cell['hugepages']> {
  const names = await readdir(dir).catch(() => [])
  const sizes = names.flatMap((name) => /^hugepages-(\d+)kB$/.exec(name)?.[1] ?? []).map(Number)
  return Promise.all(
    sizes
      .sort((a, b) => a - b)
      .map(async (sizeKiB) => {
        const read = async (file: string) => Number(await readFile(join(dir, `hugepages-${sizeKiB}kB`, file), 'utf8'))
        return { sizeKiB, total: await read('nr_hugepages'), free: await read('free_hugepages') }
      }),
  )
}
