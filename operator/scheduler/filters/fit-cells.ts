// SPDX-License-Identifier: Apache-2.0
// Whether a guest's NUMA cells fit on a node's, as nova.virt.hardware.numa_fit_instance_to_host has it: each on a cell of its own.
// https://opendev.org/openstack/nova/src/branch/master/nova/virt/hardware.py
import { whyShort } from './room.ts'
import {
  pagesFor,
  type CellUse,
  type CellUses,
  type HostCell,
  type NumaPlacement,
  type PlacedCell,
} from '../numa/host-cells.ts'
import type { GuestCell, NumaWish } from '../numa/numa-wish.ts'
import { pickCpus } from './pick-cpus.ts'

export interface NodeCells {
  /** Undefined: the node's agent does not say, or cannot place machines on cells. */
  cells: readonly HostCell[] | undefined
  uses: CellUses
  /** vCPUs that each shared CPU of a cell may have. */
  vcpuRatio: number
}

/** One of the guest's cells has to be on one of these: for what is behind a device or a thread there. */
export interface NearTo {
  cells: ReadonlySet<number>
  /** Goes on from the cells. */
  what: string
}

export type Fit = { ok: true; placement: NumaPlacement } | { ok: false; why: string }

const UNUSED: CellUse = { cpus: new Set(), sharedVcpus: 0, memoryMiB: 0, pages: new Map() }

/** Pure. Of several ways the one that spreads: cells with the most left first. `why` goes on from the node's name. */
export function fitCells(node: NodeCells, wish: NumaWish, near: readonly NearTo[] = []): Fit {
  const { cells } = node
  if (cells === undefined)
    return no('does not say which NUMA cells it has for machines: its agent is older, or has just started')
  if (cells.length < wish.cells.length) return no(`has ${count(cells.length)}, ${wish.cells.length} wanted`)
  if (wish.dedicated && cells.every(({ cores }) => cores.length === 0))
    return no('has no CPUs for machines of their own: an administrator can set spec.dedicatedCPUs of its ComputeNode')
  const sizes = sizesFor(wish, cells)
  if (sizes.length === 0) return no('has no hugepages of a size that divides the memory of each cell')
  const tries = sizes.map((size) => fitWithPages(node, cells, { wish, near }, size))
  // The smallest pages are the nearest miss.
  return tries.find(({ ok }) => ok) ?? (tries.at(-1) as Fit)
}

function no(why: string): Fit {
  return { ok: false, why }
}

function count(cells: number): string {
  return cells === 1 ? '1 NUMA cell' : `${cells} NUMA cells`
}

/** The largest first; undefined: ordinary pages. */
function sizesFor({ hugepages, cells: guest }: NumaWish, cells: readonly HostCell[]): (number | undefined)[] {
  if (hugepages !== 'large') return [hugepages]
  const sizes = new Set(cells.flatMap((cell) => cell.hugepages.map(({ sizeKiB }) => sizeKiB)))
  return [...sizes]
    .filter((size) => guest.every(({ memoryMiB }) => (memoryMiB * 1024) % size === 0))
    .sort((a, b) => b - a)
}

function fitWithPages(
  node: NodeCells,
  cells: readonly HostCell[],
  { wish, near }: { wish: NumaWish; near: readonly NearTo[] },
  pageSizeKiB: number | undefined,
): Fit {
  const order = cells.toSorted((a, b) => compareRoom(a, b, node, wish, pageSizeKiB))
  const tried = wish.cells.map((guest) => order.map((cell) => placeOn(cell, guest, node, wish, pageSizeKiB)))
  const fits = tried.map((places) => places.map(isPlaced))
  const nearBy = near.map((one) => order.map(({ id }) => one.cells.has(id)))
  const match = matchNear(fits, nearBy)
  if (match) {
    const placed = match.map((host, guest) => tried[guest]?.[host]).filter(isPlaced)
    return { ok: true, placement: { cells: placed, ...(pageSizeKiB === undefined ? {} : { pageSizeKiB }) } }
  }
  if (matchCells(fits)) {
    const [first] = near.filter((_, i) => !matchNear(fits, nearBy.slice(i, i + 1)))
    const { cells: wanted = new Set<number>(), what = 'and others at a time' } = first ?? {}
    if (wanted.size === 0) return no(`knows no cell ${what}`)
    return no(`has no room on cell ${[...wanted].sort((a, b) => a - b).join(' or ')}, ${what}`)
  }
  const fitting = order.filter((_, host) => tried.some((places) => isPlaced(places[host]))).length
  const whys = tried.find((places) => !places.some(isPlaced)) ?? tried[0] ?? []
  const lacks = whys.filter((said) => typeof said === 'string').sort()
  const many = wish.cells.length === 1 ? '' : `has ${count(fitting)} with room, ${wish.cells.length} wanted: `
  return no(many + lacks.join('; '))
}

function isPlaced(said: PlacedCell | string | undefined): said is PlacedCell {
  return typeof said === 'object'
}

/** Where more is left first: CPUs for one machine alone where these are asked for, else those that fewer share; then memory of the kind; then by id. As in Nova. */
function compareRoom(
  a: HostCell,
  b: HostCell,
  { uses }: NodeCells,
  wish: NumaWish,
  pageSizeKiB: number | undefined,
): number {
  const left = (cell: HostCell) => {
    const use = uses.get(cell.id) ?? UNUSED
    const cpus = wish.dedicated ? cell.cores.flat().filter((cpu) => !use.cpus.has(cpu)).length : -use.sharedVcpus
    return { cpus, memory: roomFor(cell, use, pageSizeKiB).free }
  }
  const [one, other] = [left(a), left(b)]
  return other.cpus - one.cpus || other.memory - one.memory || a.id - b.id
}

function roomFor(cell: HostCell, use: CellUse, pageSizeKiB: number | undefined): { free: number; all: number } {
  if (pageSizeKiB === undefined) return { free: cell.memoryMiB - use.memoryMiB, all: cell.memoryMiB }
  const all = cell.hugepages.find(({ sizeKiB }) => sizeKiB === pageSizeKiB)?.count ?? 0
  return { free: all - (use.pages.get(pageSizeKiB) ?? 0), all }
}

/** The guest's cell on that of the node, or why it does not fit there. */
function placeOn(
  cell: HostCell,
  guest: GuestCell,
  { uses, vcpuRatio }: NodeCells,
  { dedicated }: NumaWish,
  pageSizeKiB: number | undefined,
): PlacedCell | string {
  const use = uses.get(cell.id) ?? UNUSED
  const here = (why: string | undefined) => why && `cell ${cell.id} ${why}`
  const { id: hostCell } = cell
  const wanted = pageSizeKiB === undefined ? guest.memoryMiB : pagesFor(guest.memoryMiB, pageSizeKiB)
  const what = pageSizeKiB === undefined ? 'MiB of memory' : `hugepages of ${pageSizeKiB} KiB`
  const noMemory = here(whyShort({ ...roomFor(cell, use, pageSizeKiB), what, wanted, kept: undefined }))
  if (!dedicated) {
    const noCpus =
      guest.vcpus.length > cell.sharedCpus
        ? here(`has ${cell.sharedCpus} shared CPUs, fewer than the ${guest.vcpus.length} vCPUs wanted`)
        : here(whyShort({ ...sharedRoom(cell, use, vcpuRatio), wanted: guest.vcpus.length, kept: undefined }))
    return noCpus ?? noMemory ?? { hostCell, ...guest }
  }
  const all = cell.cores.flat()
  const free = all.filter((cpu) => !use.cpus.has(cpu)).length
  const noCpus = here(
    whyShort({ free, all: all.length, what: 'dedicated CPUs', wanted: guest.vcpus.length, kept: undefined }),
  )
  if (noCpus !== undefined) return noCpus
  const picked = pickCpus(cell.cores, use.cpus, guest.vcpus.length, dedicated)
  if (!picked)
    return `cell ${cell.id} has no ${guest.vcpus.length} of its ${free} free dedicated CPUs as hw:cpu_thread_policy ${dedicated} asks for`
  const { cpus, idleCpus } = picked
  return noMemory ?? { hostCell, ...guest, cpus, ...(idleCpus.length > 0 ? { idleCpus } : {}) }
}

function sharedRoom({ sharedCpus }: HostCell, use: CellUse, vcpuRatio: number) {
  const all = Math.floor(sharedCpus * vcpuRatio)
  return { free: all - use.sharedVcpus, all, what: 'vCPUs' }
}

/**
 * For each guest cell the index of a host cell that it fits on, no two on one; undefined: there is no such choice. Kuhn's algorithm for
 * bipartite matchings, in the order given.
 * @param begun guest cells by the host cells that they are on: others may come to be there, but somebody stays
 */
export function matchCells(
  fits: readonly (readonly boolean[])[],
  begun: ReadonlyMap<number, number> = new Map(),
): number[] | undefined {
  const guestOn = new Map(begun)
  const find = (guest: number, seen: Set<number>): boolean => {
    const hosts = fits[guest] ?? []
    // One that nobody is on, before others are moved.
    const free = hosts.findIndex((can, host) => can && !guestOn.has(host))
    if (free >= 0) {
      guestOn.set(free, guest)
      return true
    }
    return hosts.some((can, host) => {
      if (!can || seen.has(host)) return false
      seen.add(host)
      const other = guestOn.get(host)
      if (other !== undefined && !find(other, seen)) return false
      guestOn.set(host, guest)
      return true
    })
  }
  const placed = new Set(begun.values())
  if (!fits.every((_, guest) => placed.has(guest) || find(guest, new Set()))) return undefined
  const hosts = new Array<number>(fits.length)
  for (const [host, guest] of guestOn) hosts[guest] = host
  return hosts
}

/**
 * Choices that are tried for one node: a guest of four cells beside four cards of two cells each needs at most 31. A node that needs more is
 * refused, rather than all other machines kept waiting.
 */
const MOST_TRIES = 256

/** The same, such that in each of `near` one of the host cells chosen is among those marked. Undefined also where none was found among so many. */
export function matchNear(
  fits: readonly (readonly boolean[])[],
  near: readonly (readonly boolean[])[],
): number[] | undefined {
  return tryWith([], { fits, near: withoutImplied(near), left: { tries: MOST_TRIES } })
}

interface Search {
  fits: readonly (readonly boolean[])[]
  near: readonly (readonly boolean[])[]
  left: { tries: number }
}

/**
 * @param used host cells that are used in any case. Where there is a choice that uses them, and one for all guest cells, there is one that does both
 * (Mendelsohn and Dulmage): which guest cell is on which of them need not be tried.
 */
function tryWith(used: readonly number[], search: Search): number[] | undefined {
  const { fits, near, left } = search
  if (left.tries-- <= 0) return undefined
  const guests = matchCells(used.map((host) => fits.map((hosts) => hosts[host] === true)))
  const match = guests && matchCells(fits, new Map(guests.map((guest, i) => [used[i] as number, guest])))
  const unmet = match && near.find((marked) => !match.some((host) => marked[host]))
  if (!unmet) return match
  for (const [host, marked] of unmet.entries()) {
    const found = marked ? tryWith([...used, host], search) : undefined
    if (found) return found
  }
  return undefined
}

/** Of cards at the same cells, one is enough; and whoever is near the few is also near the many around them. */
function withoutImplied(near: readonly (readonly boolean[])[]): readonly (readonly boolean[])[] {
  const isWithin = (a: readonly boolean[], b: readonly boolean[]) => a.every((marked, host) => !marked || b[host])
  return near.filter(
    (one, i) => !near.some((other, j) => i !== j && isWithin(other, one) && (j < i || !isWithin(one, other))),
  )
}
