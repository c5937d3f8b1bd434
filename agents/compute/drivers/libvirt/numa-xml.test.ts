// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { DEFAULT_PATHS } from '../../testing.ts'
import type { InstanceWant } from '../../instance-driver.ts'
import { instanceWant, nicWant } from '../testing.ts'
import { toDomainXml } from './domain-xml.ts'
import type { CellCpus } from './numa-xml.ts'
import { parseXml, type XmlElement } from './xml-element.ts'

const cell = (id: number, sharedCpus: number[], dedicatedCpus: number[] = []): CellCpus => ({
  ...{ id, sharedCpus, dedicatedCpus },
})
const HOST = [cell(0, [0, 1], [2, 3]), cell(1, [4, 5], [6, 7])]
const domain = (want: Partial<InstanceWant>, cells: CellCpus[] | undefined = HOST) =>
  parseXml(toDomainXml(instanceWant(want), { acceleration: 'qemu', paths: DEFAULT_PATHS, cells }))
const attributesOf = (element: XmlElement) => [
  ...(element as unknown as { attributes: Iterable<{ name: string; value: string }> }).attributes,
]
/** `name a=1 b=2` of each. */
const said = (root: XmlElement, name: string) =>
  [...root.getElementsByTagName(name)].map((element) =>
    [name, ...attributesOf(element).map(({ name: key, value }) => `${key}=${value}`)].join(' '),
  )
const TWO = {
  ...{ vcpus: 4, memoryMiB: 512 },
  numa: {
    pageSizeKiB: 2048,
    cells: [
      { hostCell: 1, vcpus: [0, 2], memoryMiB: 256, cpus: [6, 7] },
      { hostCell: 0, vcpus: [1, 3], memoryMiB: 256, cpus: [2, 3] },
    ],
  },
}

test('each vCPU on its CPU, and memory on the cell beside it', () => {
  const root = domain(TWO)
  expect(said(root, 'vcpu')).toEqual(['vcpu placement=static cpuset=2-3,6-7'])
  expect(said(root, 'vcpupin')).toEqual([
    ...['vcpupin vcpu=0 cpuset=6', 'vcpupin vcpu=1 cpuset=2', 'vcpupin vcpu=2 cpuset=7', 'vcpupin vcpu=3 cpuset=3'],
  ])
  expect(said(root, 'emulatorpin')).toEqual(['emulatorpin cpuset=2-3,6-7'])
  expect(said(root, 'memnode')).toEqual([
    ...['memnode cellid=0 mode=strict nodeset=1', 'memnode cellid=1 mode=strict nodeset=0'],
  ])
  expect(said(root, 'memory')).toEqual(['memory unit=MiB', 'memory mode=strict nodeset=0-1'])
  expect(said(root, 'cell')).toEqual([
    ...['cell id=0 cpus=0,2 memory=256 unit=MiB', 'cell id=1 cpus=1,3 memory=256 unit=MiB'],
  ])
  expect(said(root, 'topology')).toEqual(['topology sockets=2 cores=2 threads=1'])
  expect(said(root, 'page')).toEqual(['page size=2048 unit=KiB'])
  expect(said(root, 'access')).toEqual([])
})

test('the switch shares hugepages, too', () => {
  const root = domain({ ...TWO, nics: [nicWant({ vnicType: 'vhostuser' })] })
  expect([said(root, 'page'), said(root, 'access'), said(root, 'source').slice(0, 1)]).toEqual([
    ...[['page size=2048 unit=KiB'], ['access mode=shared'], ['source type=memfd']],
  ])
  expect(said(root, 'cell')[0]).toContain('memAccess=shared')
})

test('without CPUs of its own a machine shares those of its cells with others', () => {
  const numa = { cells: [{ hostCell: 1, vcpus: [0, 1, 2], memoryMiB: 128 }] }
  const root = domain({ vcpus: 3, numa })
  expect(said(root, 'vcpupin')[2]).toBe('vcpupin vcpu=2 cpuset=4-5')
  expect([said(root, 'vcpu'), said(root, 'page'), said(root, 'topology')]).toEqual([
    ...[['vcpu placement=static cpuset=4-5'], [], ['topology sockets=1 cores=3 threads=1']],
  ])
  expect(() => domain({ numa }, [cell(0, [0, 1])])).toThrow('NUMA cell 1 of this node has no CPUs that machines share')
})

test('cells that are not alike are made of sockets of one core', () => {
  const at = (hostCell: number, vcpus: number[]) => ({ hostCell, vcpus, memoryMiB: 64 })
  const root = domain({ vcpus: 3, numa: { cells: [at(0, [0, 1]), at(1, [2])] } })
  expect(said(root, 'topology')).toEqual(['topology sockets=3 cores=1 threads=1'])
})

test.each<[string, CellCpus[] | undefined, string]>([
  ['keeps off those of others, on all cells', HOST, 'vcpu placement=static cpuset=0-1,4-5'],
  ['runs anywhere where nobody has any', [cell(0, [0, 1])], 'vcpu placement=static'],
  ['and where nothing is known', [], 'vcpu placement=static'],
])('any other machine %s', (_, cells, expected) => {
  const root = domain({}, cells)
  expect(said(root, 'vcpu')).toEqual([expected])
  for (const name of ['cputune', 'numatune', 'numa', 'topology', 'memoryBacking']) expect(said(root, name)).toEqual([])
})
