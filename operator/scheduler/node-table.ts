// SPDX-License-Identifier: Apache-2.0
import type { Reserved } from '../../lib/node-room.ts'
import { addAmounts, subtractAmounts, withBandwidth, type Amounts } from './amounts.ts'
import type { Bandwidth } from './bandwidth.ts'

/** What the scheduler knows of one node; everything else about it stays in ComputeNode. */
export interface NodeFacts {
  name: string
  /** Agent and bus agree that it is alive. */
  up: boolean
  /** Why it takes no new machines although it may be up; undefined when it does. */
  closed?: string
  hypervisor?: string
  zone?: string
  /** What machines may use, before allocation ratios and without what is reserved for the host. */
  capacity: Amounts
  /** What is reserved for the host; only for messages. */
  reserved?: Reserved
  /** Extra memory that each machine takes on this node on top of its claim, where guests are emulated. */
  perMachineMiB?: number
  /** Real acceleration: `kvm` or `qemu`. */
  acceleration?: string
  /** Its switch runs on DPDK and takes vhost-user ports. */
  vhostUser?: boolean
  /** Those that it is connected to. */
  physicalNetworks?: readonly string[]
  /** What may be set aside of them for machines. */
  bandwidth?: Bandwidth
}

/** A row as filters and weighers see it. The object is reused from row to row: read it, never keep it. */
export interface NodeRow {
  readonly name: string
  readonly up: boolean
  readonly closed: string | undefined
  readonly hypervisor: string | undefined
  readonly zone: string | undefined
  readonly acceleration: string | undefined
  readonly vhostUser: boolean
  readonly physicalNetworks: readonly string[]
  readonly bandwidth: Bandwidth | undefined
  readonly usedBandwidth: Bandwidth | undefined
  readonly reserved: Reserved | undefined
  readonly perMachineMiB: number
  /** What may be handed out: real amounts times the allocation ratio. */
  readonly vcpus: number
  readonly memoryMiB: number
  readonly diskGiB: number
  readonly usedVcpus: number
  readonly usedMemoryMiB: number
  readonly usedDiskGiB: number
  readonly instances: number
}

/**
 * How far a node may be overcommitted, as Nova's initial_*_allocation_ratio. CPUs 4.0, because most guests idle; memory
 * and disk 1.0, because a guest that touches what it was promised and does not get it is killed or corrupts its file system.
 * https://docs.openstack.org/nova/latest/configuration/config.html (Nova's default for RAM was 1.5 until Stein: too bold here.)
 */
export interface AllocationRatios {
  vcpus: number
  memoryMiB: number
  diskGiB: number
}

export const DEFAULT_RATIOS: AllocationRatios = { vcpus: 4, memoryMiB: 1, diskGiB: 1 }

const COLUMNS = 6
const [CAP_CPU, CAP_RAM, CAP_DISK, USED_CPU, USED_RAM, USED_DISK] = [0, 1, 2, 3, 4, 5] as const

/**
 * All nodes, one row each; numbers in one typed array so that a pass over thousands of nodes touches little memory. Rows are
 * updated in place. A node without facts that carries claims keeps a row that is down, so that no claim is ever lost.
 */
export class NodeTable {
  readonly #ratios: AllocationRatios
  readonly #rows = new Map<string, number>()
  readonly #free: number[] = []
  #facts: (NodeFacts | undefined)[] = []
  #instances: number[] = []
  readonly #bandwidths: (Bandwidth | undefined)[] = []
  #numbers = new Float64Array(COLUMNS * 16)

  constructor(ratios: AllocationRatios = DEFAULT_RATIOS) {
    this.#ratios = ratios
  }

  get size(): number {
    return this.#rows.size
  }

  put(facts: NodeFacts): void {
    const row = this.#ensureRow(facts.name)
    this.#facts[row] = facts
    const at = row * COLUMNS
    this.#numbers[at + CAP_CPU] = facts.capacity.vcpus * this.#ratios.vcpus
    this.#numbers[at + CAP_RAM] = facts.capacity.memoryMiB * this.#ratios.memoryMiB
    this.#numbers[at + CAP_DISK] = facts.capacity.diskGiB * this.#ratios.diskGiB
  }

  remove(name: string): void {
    const row = this.#rows.get(name)
    if (row === undefined) return
    this.#facts[row] = undefined
    this.#dropIfEmpty(name, row)
  }

  addUse(name: string, amounts: Amounts): void {
    const row = this.#ensureRow(name)
    this.#setUse(row, addAmounts(this.#use(row), amounts))
    this.#instances[row] = (this.#instances[row] ?? 0) + 1
  }

  removeUse(name: string, amounts: Amounts): void {
    const row = this.#rows.get(name)
    if (row === undefined) return
    this.#setUse(row, subtractAmounts(this.#use(row), amounts))
    this.#instances[row] = (this.#instances[row] ?? 1) - 1
    this.#dropIfEmpty(name, row)
  }

  /** Calls `visit` for every node with facts, in the order of rows; the row object is the same each time. */
  forEach(visit: (row: NodeRow) => void): void {
    let view: RowView | undefined
    for (let row = 0; row < this.#facts.length; row++) {
      const facts = this.#facts[row]
      if (facts === undefined) continue
      view ??= new RowView(this.#numbers, this.#instances, this.#bandwidths, facts)
      view.show(row, facts)
      visit(view)
    }
  }

  /** A copy of one row, or undefined when the node has no facts. */
  find(name: string): NodeRow | undefined {
    const row = this.#rows.get(name)
    const facts = row === undefined ? undefined : this.#facts[row]
    if (row === undefined || facts === undefined) return undefined
    const view = new RowView(this.#numbers, this.#instances, this.#bandwidths, facts)
    view.show(row, facts)
    return view
  }

  #use(row: number): Amounts {
    const at = row * COLUMNS
    const number = (column: number) => this.#numbers[at + column] ?? 0
    return {
      ...{ vcpus: number(USED_CPU), memoryMiB: number(USED_RAM), diskGiB: number(USED_DISK) },
      ...withBandwidth(this.#bandwidths[row]),
    }
  }

  #setUse(row: number, use: Amounts): void {
    const at = row * COLUMNS
    this.#numbers[at + USED_CPU] = use.vcpus
    this.#numbers[at + USED_RAM] = use.memoryMiB
    this.#numbers[at + USED_DISK] = use.diskGiB
    this.#bandwidths[row] = use.bandwidth
  }

  #ensureRow(name: string): number {
    const known = this.#rows.get(name)
    if (known !== undefined) return known
    const row = this.#free.pop() ?? this.#facts.length
    this.#facts[row] = undefined
    this.#instances[row] = 0
    this.#bandwidths[row] = undefined
    if ((row + 1) * COLUMNS > this.#numbers.length) {
      const larger = new Float64Array(this.#numbers.length * 2)
      larger.set(this.#numbers)
      this.#numbers = larger
    }
    this.#numbers.fill(0, row * COLUMNS, (row + 1) * COLUMNS)
    this.#rows.set(name, row)
    return row
  }

  #dropIfEmpty(name: string, row: number): void {
    if (this.#facts[row] !== undefined || (this.#instances[row] ?? 0) > 0) return
    this.#rows.delete(name)
    this.#free.push(row)
  }
}

const NONE: readonly string[] = []

class RowView implements NodeRow {
  readonly #numbers: Float64Array
  readonly #instances: readonly number[]
  readonly #bandwidths: readonly (Bandwidth | undefined)[]
  #row = 0
  #facts: NodeFacts

  constructor(
    numbers: Float64Array,
    instances: readonly number[],
    bandwidths: readonly (Bandwidth | undefined)[],
    facts: NodeFacts,
  ) {
    this.#numbers = numbers
    this.#instances = instances
    this.#bandwidths = bandwidths
    this.#facts = facts
  }

  show(row: number, facts: NodeFacts): void {
    this.#row = row
    this.#facts = facts
  }

  get name(): string {
    return this.#facts.name
  }
  get up(): boolean {
    return this.#facts.up
  }
  get closed(): string | undefined {
    return this.#facts.closed
  }
  get hypervisor(): string | undefined {
    return this.#facts.hypervisor
  }
  get zone(): string | undefined {
    return this.#facts.zone
  }
  get acceleration(): string | undefined {
    return this.#facts.acceleration
  }
  get vhostUser(): boolean {
    return this.#facts.vhostUser === true
  }
  get physicalNetworks(): readonly string[] {
    return this.#facts.physicalNetworks ?? NONE
  }
  get bandwidth(): Bandwidth | undefined {
    return this.#facts.bandwidth
  }
  get usedBandwidth(): Bandwidth | undefined {
    return this.#bandwidths[this.#row]
  }
  get reserved(): Reserved | undefined {
    return this.#facts.reserved
  }
  get perMachineMiB(): number {
    return this.#facts.perMachineMiB ?? 0
  }
  get vcpus(): number {
    return this.#number(CAP_CPU)
  }
  get memoryMiB(): number {
    return this.#number(CAP_RAM)
  }
  get diskGiB(): number {
    return this.#number(CAP_DISK)
  }
  get usedVcpus(): number {
    return this.#number(USED_CPU)
  }
  get usedMemoryMiB(): number {
    return this.#number(USED_RAM) + this.instances * this.perMachineMiB
  }
  get usedDiskGiB(): number {
    return this.#number(USED_DISK)
  }
  get instances(): number {
    return this.#instances[this.#row] ?? 0
  }

  #number(column: number): number {
    return this.#numbers[this.#row * COLUMNS + column] ?? 0
  }
}
