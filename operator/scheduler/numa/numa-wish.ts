// SPDX-License-Identifier: Apache-2.0
// What a Flavor's extra specs ask of NUMA, by Nova's names and rules:
// https://docs.openstack.org/nova/latest/configuration/extra-specs.html#hw, https://docs.openstack.org/nova/latest/admin/cpu-topologies.html
import { parseCpuList } from '../../../lib/cpu-list.ts'
import { TerminalError } from '../../../lib/errors.ts'

type ExtraSpecs = Readonly<Record<string, string>>

interface GuestSize {
  vcpus: number
  memoryMiB: number
}

export interface GuestCell {
  /** Numbers of its virtual CPUs. */
  vcpus: readonly number[]
  memoryMiB: number
}

/** `prefer`: threads of one core where there are, `require`: nothing else, `isolate`: a core for each vCPU, its other threads idle. */
export type ThreadPolicy = 'prefer' | 'require' | 'isolate'

export interface NumaWish {
  cells: readonly GuestCell[]
  /** Each vCPU has a CPU of the node for itself; absent: it shares those of its cell. */
  dedicated?: ThreadPolicy
  /** Size in KiB of the hugepages that the guest's memory is in; `large`: of any size. Absent: in ordinary pages. */
  hugepages?: number | 'large'
  /** Virtual functions are on cells of the guest: `required`, or of no matter to the scheduler; absent: where it is known on which they are. */
  pciPolicy?: 'required' | 'preferred'
}

/** As many as a status can hold; more than hosts have. */
const MOST_GUEST_CELLS = 8

const POLICY = 'hw:cpu_policy'
const THREADS = 'hw:cpu_thread_policy'
const PAGES = 'hw:mem_page_size'
const NODES = 'hw:numa_nodes'
const PCI = 'hw:pci_numa_affinity_policy'
const OF_CELL = /^hw:numa_(cpus|mem)\.(\d+)$/
const [SMALL_KIB, UNITS] = [4, { '': 1, KB: 1, MB: 1024, GB: 1024 ** 2 }]

/** Whether the key is one of those that are read here. */
export function isNumaSpec(key: string): boolean {
  return [POLICY, THREADS, PAGES, NODES, PCI].includes(key) || OF_CELL.test(key)
}

/**
 * Undefined: nothing is asked for, and the machine runs wherever the node's kernel puts it. CPUs of its own, or a size of pages, without a number of
 * cells is one cell. @throws TerminalError `InvalidNUMATopology`
 */
export function numaWishOf(size: GuestSize, specs: ExtraSpecs): NumaWish | undefined {
  const keys = Object.keys(specs).filter(isNumaSpec)
  if (keys.length === 0) return undefined
  const dedicated = readPolicy(specs)
  const pages = readPages(specs[PAGES])
  const pciPolicy = readPciPolicy(specs[PCI])
  const nodes = readNodes(specs[NODES], keys)
  if (nodes === undefined && dedicated === undefined && pages === undefined) return undefined
  const cells = readCells(size, specs, nodes ?? 1)
  if (typeof pages === 'number')
    for (const [i, { memoryMiB }] of cells.entries())
      if ((memoryMiB * 1024) % pages !== 0)
        refuse(
          `the ${memoryMiB} MiB of cell ${i} are no whole number of hugepages of ${pages} KiB, as ${PAGES} asks for`,
        )
  return {
    cells,
    ...(dedicated === undefined ? {} : { dedicated }),
    ...(pages === undefined || pages === 'small' ? {} : { hugepages: pages }),
    ...(pciPolicy === undefined ? {} : { pciPolicy }),
  }
}

function refuse(why: string): never {
  throw new TerminalError(
    'InvalidNUMATopology',
    `the Flavor's extraSpecs: ${why}: name another Flavor in spec.flavorRef`,
  )
}

function readPolicy(specs: ExtraSpecs): ThreadPolicy | undefined {
  const policy = specs[POLICY] ?? 'shared'
  const threads = specs[THREADS]
  if (policy !== 'shared' && policy !== 'dedicated') refuse(`${POLICY} is ${quote(policy)}, not shared or dedicated`)
  if (threads === undefined) return policy === 'dedicated' ? 'prefer' : undefined
  if (threads !== 'prefer' && threads !== 'require' && threads !== 'isolate')
    refuse(`${THREADS} is ${quote(threads)}, not prefer, require or isolate`)
  if (policy !== 'dedicated') refuse(`${THREADS} is for ${POLICY} dedicated`)
  return threads
}

/** `legacy` is Nova's default. */
function readPciPolicy(text = 'legacy'): NumaWish['pciPolicy'] {
  if (text === 'legacy') return undefined
  if (text !== 'required' && text !== 'preferred') refuse(`${PCI} is ${quote(text)}, not required, legacy or preferred`)
  return text
}

/** `any` leaves it to the node, which takes ordinary ones. */
function readPages(text: string | undefined): NumaWish['hugepages'] | 'small' | undefined {
  if (text === undefined) return undefined
  if (text === 'small' || text === 'any') return 'small'
  if (text === 'large') return text
  const [, number = '', unit = ''] = /^([1-9]\d{0,8})(KB|MB|GB)?$/.exec(text) ?? []
  const kib = Number(number) * UNITS[unit as keyof typeof UNITS]
  if (number === '' || kib < SMALL_KIB)
    refuse(`${PAGES} is ${quote(text)}, not small, large, any or a size such as 2MB, 1GB or 2048 (KiB)`)
  return kib === SMALL_KIB ? 'small' : kib
}

function readNodes(text: string | undefined, keys: readonly string[]): number | undefined {
  const perCell = keys.filter((key) => OF_CELL.test(key))
  if (text === undefined) {
    if (perCell.length > 0) refuse(`${perCell[0] ?? ''} is without ${NODES}`)
    return undefined
  }
  if (!/^[1-9]\d{0,3}$/.test(text) || Number(text) > MOST_GUEST_CELLS)
    refuse(`${NODES} is ${quote(text)}, not a number from 1 to ${MOST_GUEST_CELLS}`)
  const nodes = Number(text)
  const beyond = perCell.find((key) => Number(OF_CELL.exec(key)?.[2]) >= nodes)
  if (beyond !== undefined) refuse(`${beyond} is of a cell that ${NODES} ${nodes} does not have`)
  return nodes
}

function readCells(size: GuestSize, specs: ExtraSpecs, nodes: number): GuestCell[] {
  const said = Array.from({ length: nodes }, (_, i) => [specs[`hw:numa_cpus.${i}`], specs[`hw:numa_mem.${i}`]] as const)
  if (said.every(([cpus, memory]) => cpus === undefined && memory === undefined)) return equalCells(size, nodes)
  const cells = said.map(([cpus, memory], i) => {
    if (cpus === undefined || memory === undefined)
      refuse(`cell ${i} needs both hw:numa_cpus.${i} and hw:numa_mem.${i}`)
    if (!/^\d{1,9}$/.test(memory) || Number(memory) === 0)
      refuse(`hw:numa_mem.${i} is ${quote(memory)}, not a number of MiB`)
    const vcpus = parseCpuList(cpus)
    if (!/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(cpus) || vcpus.length === 0)
      refuse(`hw:numa_cpus.${i} is ${quote(cpus)}, not a list of vCPUs such as 0-1,4`)
    return { vcpus, memoryMiB: Number(memory) }
  })
  const all = cells.flatMap(({ vcpus }) => vcpus).sort((a, b) => a - b)
  if (all.length !== size.vcpus || all.some((vcpu, i) => vcpu !== i))
    refuse(`hw:numa_cpus.N have to name each of the vCPUs 0 to ${size.vcpus - 1} once`)
  const memoryMiB = cells.reduce((sum, cell) => sum + cell.memoryMiB, 0)
  if (memoryMiB !== size.memoryMiB)
    refuse(`hw:numa_mem.N are ${memoryMiB} MiB together, the Flavor has ${size.memoryMiB}`)
  return cells
}

function equalCells({ vcpus, memoryMiB }: GuestSize, nodes: number): GuestCell[] {
  if (vcpus % nodes !== 0 || memoryMiB % nodes !== 0)
    refuse(
      `${vcpus} vCPUs and ${memoryMiB} MiB cannot be shared out equally to ${NODES} ${nodes}: without hw:numa_cpus.N and hw:numa_mem.N both have to be multiples of it`,
    )
  const each = vcpus / nodes
  return Array.from({ length: nodes }, (_, i) => ({
    vcpus: Array.from({ length: each }, (__, j) => i * each + j),
    memoryMiB: memoryMiB / nodes,
  }))
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 32))
}
