// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util'
import type { Aggregate } from './aggregate.ts'
import { ratiosOf } from './aggregate-ratios.ts'
import type { Amounts } from './amounts.ts'
import { addBandwidth, subtractBandwidth, type Bandwidth } from './bandwidth.ts'
import { ChangeLog } from './change-log.ts'
import { NO_CLASS, NodeClasses } from './node-classes.ts'
import { DEFAULT_RATIOS, type AllocationRatios, type NodeFacts, type NodeRow } from './node-facts.ts'
import { usesOf, type CellUses, type HostCell, type NumaPlacement } from '../numa/host-cells.ts'
import {
  addPciDevices,
  hasPciDevices,
  pciScarcityOf,
  subtractPciDevices,
  type PciClaims,
  type PciSupplies,
} from './pci-devices.ts'

/**
 * Numbers of all nodes, a column each: what a machine more may have of them. Rows without a node have infinite room, and NO_CLASS keeps
 * machines away from them.
 */
export interface Columns {
  vcpus: Float64Array
  /** Without what one machine more takes on top of its claim. */
  nextMemoryMiB: Float64Array
  memoryMiB: Float64Array
  diskGiB: Float64Array
  /** The same by the allocation ratios of its aggregates, where they have any; of memory and disk never more than there is. */
  aggregateVcpus: Float64Array
  aggregateNextMemoryMiB: Float64Array
  aggregateDiskGiB: Float64Array
  /** Not room, but what is there: machines, those that are being built, and those refused one after the other. */
  instances: Float64Array
  ioOps: Float64Array
  failedBuilds: Float64Array
  /** How short of virtual functions. */
  pciScarcity: Float64Array
}

interface Row {
  facts: NodeFacts | undefined
  /** While it has facts. */
  view: NodeRow | undefined
  /** By its aggregates. */
  ratios: AllocationRatios
  /** Counts its changes. */
  revision: number
  vcpus: number
  memoryMiB: number
  diskGiB: number
  bandwidth: Bandwidth | undefined
  pciDevices: PciClaims | undefined
  instances: number
  ioOps: number
  failedBuilds: number
  /** Of machines that are placed on NUMA cells; undefined: there are none. */
  onCells: Set<NumaPlacement> | undefined
  /** What these take; undefined: to be counted when it is asked for. */
  cellUses: CellUses | undefined
}

/** What a machine takes of a node beside its amounts. */
export interface Use {
  amounts: Amounts
  /** On which NUMA cells it is. */
  numa?: NumaPlacement
  /** It is being built. */
  isBuilding?: boolean
}

/**
 * All nodes, one row each. What decisions read stands in typed arrays, so that a pass over thousands of nodes touches little memory, and is
 * brought up to date by what changes. A node without facts that carries claims keeps its row, so that no claim is ever lost. For decisions,
 * rows are in the order of their names, so that it is the same in whatever order nodes came.
 */
export class NodeTable {
  readonly #ratios: AllocationRatios
  readonly #byName = new Map<string, number>()
  #rows: (Row | undefined)[] = []
  classes = new NodeClasses()
  readonly changes = new ChangeLog()
  columns: Columns = makeColumns(16)
  /** The class of each row. */
  classOf = new Int32Array(16)
  #isArranged = true
  #nodes = 0
  #failing = 0
  #withPciDevices = 0
  #rowsVersion = 0

  constructor(ratios: AllocationRatios = DEFAULT_RATIOS) {
    this.#ratios = ratios
  }

  /** Another one with the same nodes and uses in the same rows, which goes its own way. */
  copy(): NodeTable {
    this.arrange()
    const copy = new NodeTable(this.#ratios)
    for (const [name, at] of this.#byName) copy.#byName.set(name, at)
    copy.#rows = this.#rows.map((row) => row && copyOf(row, this.#ratios))
    copy.classes = this.classes.copy()
    for (const name of COLUMN_NAMES) copy.columns[name] = this.columns[name].slice()
    copy.classOf = this.classOf.slice()
    copy.#nodes = this.#nodes
    copy.#failing = this.#failing
    copy.#withPciDevices = this.#withPciDevices
    copy.#rowsVersion = this.#rowsVersion
    return copy
  }

  /** All that are known by name, those without facts included. */
  get size(): number {
    return this.#byName.size
  }

  /** Rows, empty ones included. */
  get length(): number {
    return this.#rows.length
  }

  /** Nodes that refused a machine and have not started one since. */
  get failing(): number {
    return this.#failing
  }

  /** Nodes with virtual functions. */
  get withPciDevices(): number {
    return this.#withPciDevices
  }

  /** Another one each time that a row gets another name. */
  get rowsVersion(): number {
    return this.#rowsVersion
  }

  /** Nodes with facts. */
  get nodes(): number {
    return this.#nodes
  }

  /** @returns whether it says anything that it did not say before */
  put(facts: NodeFacts): boolean {
    const at = this.#ensureRow(facts.name)
    const row = this.#at(at)
    if (isDeepStrictEqual(row.facts, facts)) return false
    if (row.facts) this.#leave(at, row.facts)
    this.#nodes++
    if (hasPciDevices(facts.pciDevices)) this.#withPciDevices++
    row.facts = facts
    row.view = new RowView(facts, row, this.#ratios)
    row.ratios = ratiosOf(facts.aggregates, this.#ratios)
    this.classOf[at] = this.classes.enter(facts)
    this.#show(at)
    return true
  }

  remove(name: string): void {
    const at = this.#byName.get(name)
    if (at === undefined) return
    const row = this.#at(at)
    if (!row.facts) return
    this.#leave(at, row.facts)
    row.facts = undefined
    row.view = undefined
    this.classOf[at] = NO_CLASS
    this.#show(at)
    this.#dropIfEmpty(name, at)
  }

  addUse(name: string, { amounts, isBuilding, numa }: Use): void {
    const at = this.#ensureRow(name)
    const row = this.#at(at)
    row.vcpus += amounts.vcpus
    row.memoryMiB += amounts.memoryMiB
    row.diskGiB += amounts.diskGiB
    if (amounts.bandwidth) row.bandwidth = addBandwidth(row.bandwidth, amounts.bandwidth)
    if (amounts.pciDevices) row.pciDevices = addPciDevices(row.pciDevices, amounts.pciDevices)
    row.instances++
    if (isBuilding === true) row.ioOps++
    if (numa) {
      row.onCells = (row.onCells ?? new Set()).add(numa)
      row.cellUses = undefined
    }
    this.#show(at)
  }

  /**
   * @param failed whether the node refused a machine; false: it started one
   * @returns whether that is another number of refusals than before
   */
  recordBuild(name: string, failed: boolean): boolean {
    const at = this.#byName.get(name)
    if (at === undefined) return false
    const row = this.#at(at)
    if (!failed && row.failedBuilds === 0) return false
    if (row.failedBuilds > 0) this.#failing--
    row.failedBuilds = failed ? row.failedBuilds + 1 : 0
    if (row.failedBuilds > 0) this.#failing++
    this.#show(at)
    return true
  }

  /** `dropUnused` has to follow. @param use as it was added */
  removeUse(name: string, { amounts, isBuilding, numa }: Use): void {
    const at = this.#byName.get(name)
    if (at === undefined) return
    const row = this.#at(at)
    row.vcpus -= amounts.vcpus
    row.memoryMiB -= amounts.memoryMiB
    row.diskGiB -= amounts.diskGiB
    if (amounts.bandwidth) row.bandwidth = subtractBandwidth(row.bandwidth, amounts.bandwidth)
    if (amounts.pciDevices) row.pciDevices = subtractPciDevices(row.pciDevices, amounts.pciDevices)
    row.instances--
    if (isBuilding === true) row.ioOps--
    if (numa && row.onCells?.delete(numa) === true) row.cellUses = undefined
    this.#show(at)
  }

  /** Of a node that has neither facts nor machines nothing is kept. */
  dropUnused(name: string): void {
    const at = this.#byName.get(name)
    if (at !== undefined) this.#dropIfEmpty(name, at)
  }

  rowOf(name: string): number | undefined {
    return this.#byName.get(name)
  }

  /** Undefined when the row has no node with facts. */
  get(at: number): NodeRow | undefined {
    return this.#rows[at]?.view
  }

  /** All nodes with facts. */
  list(): NodeRow[] {
    return this.#rows.flatMap((_, at) => this.get(at) ?? [])
  }

  find(name: string): NodeRow | undefined {
    const at = this.#byName.get(name)
    return at === undefined ? undefined : this.get(at)
  }

  /** What is known of the node beside the table has changed. */
  touch(name: string): void {
    const at = this.#byName.get(name)
    if (at !== undefined) this.changes.note(at)
  }

  /** Before each decision: brings the rows into the order of their names, where nodes came or went. */
  arrange(): void {
    if (this.#isArranged) return
    // The order of code units, as comparisons of strings have it.
    const names = [...this.#byName.keys()].sort((a, b) => (a < b ? -1 : 1))
    const before = names.map((name) => this.#byName.get(name) ?? 0)
    const columns = makeColumns(this.classOf.length)
    for (const name of COLUMN_NAMES) {
      const [from, to] = [this.columns[name], columns[name]]
      for (const [at, was] of before.entries()) to[at] = from[was] as number
    }
    this.columns = columns
    this.classOf = Int32Array.from(
      { length: this.classOf.length },
      (_, at) => this.classOf[before[at] ?? -1] ?? NO_CLASS,
    )
    this.#rows = before.map((was) => this.#rows[was])
    for (const [at, name] of names.entries()) this.#byName.set(name, at)
    this.#isArranged = true
    this.#rowsVersion++
  }

  #at(at: number): Row {
    const row = this.#rows[at]
    if (!row) throw new Error(`the table has no row ${at}`)
    return row
  }

  #leave(at: number, { pciDevices }: NodeFacts): void {
    this.classes.leave(this.classOf[at] ?? NO_CLASS)
    this.#nodes--
    if (hasPciDevices(pciDevices)) this.#withPciDevices--
  }

  /** Runs for every claim that comes or goes, and therefore makes no objects. */
  #show(at: number): void {
    const { columns } = this
    const row = this.#at(at)
    const { facts, ratios, instances, ioOps, failedBuilds } = row
    row.revision++
    this.changes.note(at)
    columns.instances[at] = instances
    columns.ioOps[at] = ioOps
    columns.failedBuilds[at] = failedBuilds
    columns.pciScarcity[at] = pciScarcityOf(facts?.pciDevices, row.pciDevices)
    if (!facts) {
      for (const name of ROOM_COLUMNS) columns[name][at] = Infinity
      return
    }
    const { vcpus, memoryMiB, diskGiB } = facts.capacity
    const perMachineMiB = facts.perMachineMiB ?? 0
    const usedMemoryMiB = row.memoryMiB + instances * perMachineMiB
    columns.vcpus[at] = vcpus * this.#ratios.vcpus - row.vcpus
    columns.memoryMiB[at] = memoryMiB * this.#ratios.memoryMiB - usedMemoryMiB
    columns.nextMemoryMiB[at] = memoryMiB * this.#ratios.memoryMiB - usedMemoryMiB - perMachineMiB
    columns.diskGiB[at] = diskGiB * this.#ratios.diskGiB - row.diskGiB
    columns.aggregateVcpus[at] = vcpus * ratios.vcpus - row.vcpus
    columns.aggregateNextMemoryMiB[at] =
      Math.min(memoryMiB, memoryMiB * ratios.memoryMiB - usedMemoryMiB) - perMachineMiB
    columns.aggregateDiskGiB[at] = Math.min(diskGiB, diskGiB * ratios.diskGiB - row.diskGiB)
  }

  #ensureRow(name: string): number {
    const known = this.#byName.get(name)
    if (known !== undefined) return known
    if (this.#rows.length >= this.classOf.length) this.arrange()
    if (this.#rows.length >= this.classOf.length) this.#grow()
    const at = this.#rows.length
    this.#rows[at] = {
      ...{ facts: undefined, view: undefined, ratios: this.#ratios, revision: 0 },
      ...{ vcpus: 0, memoryMiB: 0, diskGiB: 0, bandwidth: undefined, pciDevices: undefined },
      ...{ instances: 0, ioOps: 0, failedBuilds: 0, onCells: undefined, cellUses: undefined },
    }
    this.classOf[at] = NO_CLASS
    this.#byName.set(name, at)
    this.#isArranged = false
    this.#rowsVersion++
    return at
  }

  #grow(): void {
    const size = this.classOf.length * 2
    const columns = makeColumns(size)
    for (const name of COLUMN_NAMES) columns[name].set(this.columns[name])
    this.columns = columns
    const classOf = new Int32Array(size)
    classOf.set(this.classOf)
    this.classOf = classOf
  }

  #dropIfEmpty(name: string, at: number): void {
    const row = this.#at(at)
    if (row.facts !== undefined || row.instances > 0) return
    if (row.failedBuilds > 0) this.#failing--
    this.#byName.delete(name)
    this.#rows[at] = undefined
    this.#isArranged = false
    this.#rowsVersion++
  }
}

const ROOM_COLUMNS = [
  ...(['vcpus', 'memoryMiB', 'nextMemoryMiB', 'diskGiB'] as const),
  ...(['aggregateVcpus', 'aggregateNextMemoryMiB', 'aggregateDiskGiB'] as const),
]
const COLUMN_NAMES = [...ROOM_COLUMNS, ...(['instances', 'ioOps', 'failedBuilds', 'pciScarcity'] as const)]

function makeColumns(size: number): Columns {
  return Object.fromEntries(COLUMN_NAMES.map((name) => [name, new Float64Array(size)])) as unknown as Columns
}

function copyOf(row: Row, ratios: AllocationRatios): Row {
  const copy = { ...row, onCells: row.onCells && new Set(row.onCells) }
  copy.view = row.facts && new RowView(row.facts, copy, ratios)
  return copy
}

/** Shared by all rows that say nothing of it. */
const NONE: readonly never[] = []

class RowView implements NodeRow {
  readonly #facts: NodeFacts
  readonly #row: Row
  readonly #ratios: AllocationRatios

  constructor(facts: NodeFacts, row: Row, ratios: AllocationRatios) {
    this.#facts = facts
    this.#row = row
    this.#ratios = ratios
  }

  get revision(): number {
    return this.#row.revision
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
  get aggregates(): readonly Aggregate[] {
    return this.#facts.aggregates ?? NONE
  }
  get bandwidth(): Bandwidth | undefined {
    return this.#facts.bandwidth
  }
  get usedBandwidth(): Bandwidth | undefined {
    return this.#row.bandwidth
  }
  get pciDevices(): PciSupplies | undefined {
    return this.#facts.pciDevices
  }
  get usedPciDevices(): PciClaims | undefined {
    return this.#row.pciDevices
  }
  get cells(): readonly HostCell[] | undefined {
    return this.#facts.cells
  }
  get pciCells(): NodeFacts['pciCells'] {
    return this.#facts.pciCells
  }
  get cellUses(): CellUses {
    return (this.#row.cellUses ??= usesOf(this.#row.onCells ?? NONE))
  }
  get vcpuRatio(): number {
    return this.#ratios.vcpus
  }
  get reserved(): NodeFacts['reserved'] {
    return this.#facts.reserved
  }
  get perMachineMiB(): number {
    return this.#facts.perMachineMiB ?? 0
  }
  get capacity(): Amounts {
    return this.#facts.capacity
  }
  get vcpus(): number {
    return this.#facts.capacity.vcpus * this.#ratios.vcpus
  }
  get memoryMiB(): number {
    return this.#facts.capacity.memoryMiB * this.#ratios.memoryMiB
  }
  get diskGiB(): number {
    return this.#facts.capacity.diskGiB * this.#ratios.diskGiB
  }
  get aggregateRoom(): AllocationRatios {
    const { capacity } = this.#facts
    const { ratios } = this.#row
    return {
      vcpus: capacity.vcpus * ratios.vcpus,
      memoryMiB: capacity.memoryMiB * ratios.memoryMiB,
      diskGiB: capacity.diskGiB * ratios.diskGiB,
    }
  }
  get usedVcpus(): number {
    return this.#row.vcpus
  }
  get usedMemoryMiB(): number {
    return this.#row.memoryMiB + this.#row.instances * this.perMachineMiB
  }
  get usedDiskGiB(): number {
    return this.#row.diskGiB
  }
  get instances(): number {
    return this.#row.instances
  }
  get ioOps(): number {
    return this.#row.ioOps
  }
  get failedBuilds(): number {
    return this.#row.failedBuilds
  }
  get address(): string | undefined {
    return this.#facts.address
  }
  get hypervisorType(): string | undefined {
    return this.#facts.hypervisorType
  }
  get hypervisorVersion(): string | undefined {
    return this.#facts.hypervisorVersion
  }
  get firmware(): readonly string[] {
    return this.#facts.firmware ?? []
  }
  get tpmVersions(): readonly string[] {
    return this.#facts.tpmVersions ?? []
  }
}
