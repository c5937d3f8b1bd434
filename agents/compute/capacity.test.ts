// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { mkdir, mkdtemp, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DEFAULT_RESERVED, guestOverheadMiB } from '../../lib/node-room.ts'
import { checkCapacity, findShortage, readCapacity, type Capacity, type Demand } from './capacity.ts'
import { listHostCells } from './host-cells.ts'
import { instanceDir } from './paths.ts'
import { instanceDocument, runContext, tombstoneOf } from './testing.ts'

const GIB = 2 ** 30
const cellsWith =
  (...dedicated: number[]) =>
  () =>
    listHostCells({ dedicatedCpus: dedicated })
const has: Capacity = {
  room: { vcpus: 2, memoryMiB: 4096 },
  reserved: { cpus: 0, memoryMiB: 0, diskGiB: 0 },
  isEmulated: false,
  availableMemoryMiB: 2048,
  freeDiskBytes: 20 * GIB,
  writtenBytes: new Map(),
  cells: [],
}
const want: Demand = { uid: 'new', vcpus: 1, memoryMiB: 512, diskBytes: GIB }
const other = (over: Partial<Demand> = {}): Demand => ({ ...want, uid: 'old', vcpus: 1, memoryMiB: 64, ...over })
/** The most memory that a guest of one vCPU may have where so much is left. */
const largest = (leftMiB: number, isEmulated = false): number => {
  let memoryMiB = leftMiB
  while (memoryMiB + guestOverheadMiB({ vcpus: 1, memoryMiB }, isEmulated) > leftMiB) memoryMiB--
  return memoryMiB
}

describe('what does not fit', () => {
  const now = { availableMemoryMiB: 1e6 }
  test.each<[string, Partial<Demand>, Demand[], Partial<Capacity>, string | undefined]>([
    ['fits', {}, [], {}, undefined],
    ['all vCPUs', { vcpus: 32 }, [], {}, undefined],
    ['vCPUs', { vcpus: 33 }, [], {}, '33 vCPUs are more than 16 for each of 2 CPUs'],
    ['vCPUs beside others', { vcpus: 2 }, [other({ vcpus: 31 })], {}, '33 vCPUs'],
    ['vCPUs kept', { vcpus: 33 }, [], { reserved: { cpus: 3, memoryMiB: 0, diskGiB: 0 } }, '3 CPUs are kept'],
    ['all memory', { memoryMiB: largest(4096) }, [], now, undefined],
    ['a guest as large as the node', { memoryMiB: 4096 }, [], now, "with QEMU's own, are more than the node's 4096"],
    ['one MiB more', { memoryMiB: largest(4096) + 1 }, [], now, "more than the node's 4096 MiB"],
    ['emulated: all', { memoryMiB: largest(4096, true) }, [], { ...now, isEmulated: true }, undefined],
    ['emulated', { memoryMiB: largest(4096, true) + 1 }, [], { ...now, isEmulated: true }, "the node's 4096 MiB"],
    ['memory beside others', {}, [other({ memoryMiB: 3500 })], now, 'MiB of memory in all'],
    [
      'kept',
      { memoryMiB: 5000 },
      [],
      { ...now, reserved: DEFAULT_RESERVED },
      '1024 MiB are kept for the host: spec.reserved',
    ],
    ['memory now: all', { memoryMiB: largest(2048) }, [], {}, undefined],
    ['memory now', { memoryMiB: largest(2048) + 1 }, [], {}, 'free now'],
    ['all disk', { diskBytes: 20 * GIB }, [], {}, undefined],
    ['disk', { diskBytes: 21 * GIB }, [], {}, 'disks of 21 GiB are more than the 20 GiB'],
    ['promised to others', { diskBytes: 15 * GIB }, [other({ diskBytes: 6 * GIB })], {}, 'more than the 14 GiB'],
    [
      'written by others',
      { diskBytes: 15 * GIB },
      [other({ diskBytes: 6 * GIB })],
      { writtenBytes: new Map([['old', 2 * GIB]]) },
      undefined,
    ],
    [
      'more written than promised frees nothing',
      { diskBytes: 21 * GIB },
      [other({ diskBytes: GIB })],
      { writtenBytes: new Map([['old', 9 * GIB]]) },
      'more than the 20 GiB',
    ],
    ['disk kept', { diskBytes: 16 * GIB }, [], { reserved: { cpus: 0, memoryMiB: 0, diskGiB: 5 } }, 'than the 15 GiB'],
  ])('%s', (_name, change, others, node, message) => {
    const shortage = findShortage({ ...want, ...change }, others, { ...has, ...node })
    if (message === undefined) expect(shortage).toBeUndefined()
    else {
      expect(shortage).toContain(message)
      expect(shortage?.includes('are kept for the host')).toBe(node.reserved !== undefined)
    }
  })
})

test('CPUs of its own and hugepages are not counted with what all share', () => {
  const cpus = { hostCell: 0, vcpus: [...Array(33).keys()], memoryMiB: 4096, cpus: [...Array(33).keys()] }
  const cell = {
    id: 0,
    sharedCpus: [],
    dedicatedCpus: cpus.cpus,
    memoryMiB: 0,
    availableMemoryMiB: 0,
    hugepages: [{ sizeKiB: 2048, free: 2048, count: 2048 }],
  }
  const numa = { pageSizeKiB: 2048, cells: [cpus] }
  const large = { ...want, vcpus: 33, memoryMiB: 4096 }
  expect(findShortage(large, [], { ...has, cells: [cell] })).toContain('33 vCPUs')
  expect(findShortage({ ...large, numa }, [], { ...has, cells: [cell] })).toBeUndefined()
  expect(findShortage(want, [{ ...large, uid: 'old', numa }], { ...has, cells: [cell] })).toBeUndefined()
  expect(findShortage({ ...large, numa }, [], has)).toBe('it has no NUMA cell 0')
})

describe('of this host', () => {
  let dataDir: string
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'nephele-capacity-'))
  })
  afterEach(() => rm(dataDir, { recursive: true, force: true }))

  test('what is kept is left out, and what machines wrote is found', async () => {
    const paths = { dataDir, runDir: dataDir }
    const dir = instanceDir(paths, 'old')
    await mkdir(join(dir, 'folder'), { recursive: true })
    await writeFile(join(dir, 'root.qcow2'), Buffer.alloc(1024 * 1024, 1))
    await writeFile(join(dir, 'sparse.qcow2'), '')
    await truncate(join(dir, 'sparse.qcow2'), GIB)
    // Nobody promised the machine a copy of its disk.
    await writeFile(join(dir, 'capture.x.qcow2.raw'), Buffer.alloc(1024 * 1024, 1))
    const all = await readCapacity(
      paths,
      { reserved: { cpus: 0, memoryMiB: 0, diskGiB: 0 }, isEmulated: true, readCells: cellsWith() },
      [],
    )
    const reserved = { cpus: 1, memoryMiB: 100, diskGiB: 0 }
    const some = await readCapacity(paths, { reserved, isEmulated: true, readCells: cellsWith() }, ['old', 'none'])
    expect([all.room.vcpus - some.room.vcpus, all.room.memoryMiB - some.room.memoryMiB]).toEqual([1, 100])
    const { blocks } = await stat(join(dir, 'root.qcow2'))
    expect(blocks).toBeGreaterThanOrEqual(2048)
    expect(some.writtenBytes.get('old')).toBe(blocks * 512)
    expect(some.writtenBytes.get('none')).toBe(0)
    expect(some.freeDiskBytes).toBeGreaterThan(0)
    const cpus = all.cells.flatMap(({ sharedCpus }) => sharedCpus)
    const own = await readCapacity(paths, { reserved, isEmulated: true, readCells: cellsWith(cpus[0]!) }, [])
    expect(own.room.vcpus).toBe(some.room.vcpus - (some.room.vcpus > 0 ? 1 : 0))
    expect(own.cells[0]?.dedicatedCpus).toEqual([cpus[0]])
  })

  test('others are all machines of the node but this one and those that go', async () => {
    const image = { sha256: '0'.repeat(64), format: 'raw' as const, virtualSizeBytes: 3 * GIB }
    const size = { vcpus: 1, memoryMiB: 512, rootDiskGiB: 1, ephemeralGiB: 2, swapMiB: 1024 }
    const [one, two, gone] = [instanceDocument(size), instanceDocument(size), tombstoneOf(instanceDocument(size))]
    const context = runContext({ image, machines: [one, two, gone] })
    const asked: (readonly string[])[] = []
    const check = (node: Partial<Capacity>) =>
      checkCapacity(one, context, async (uids) => {
        asked.push(uids)
        return { ...has, availableMemoryMiB: 1e6, ...node }
      })
    const bothMiB = 2 * (512 + guestOverheadMiB(size))
    await check({ room: { vcpus: 2, memoryMiB: bothMiB }, freeDiskBytes: 12 * GIB })
    expect(asked).toEqual([[two.uid]])
    const shortage = (message: string) => ({
      reason: 'InsufficientResources',
      message: expect.stringContaining(message),
    })
    await expect(check({ room: { vcpus: 2, memoryMiB: bothMiB - 1 } })).rejects.toMatchObject(
      shortage('node n1 has no'),
    )
    await expect(check({ freeDiskBytes: 12 * GIB - 1 })).rejects.toMatchObject(shortage('than the 5 GiB'))
    await check({ freeDiskBytes: 7 * GIB, writtenBytes: new Map([[two.uid, 5 * GIB]]) })
  })
})
