// SPDX-License-Identifier: Apache-2.0
// The one thing of the host that nodes with DPDK change: how many hugepages it keeps. Clouds share them: a ledger for the machine,
// which goes with a reboot as the pages do, says how many each was promised and how many were added for all of them.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Progress } from '../host/progress.ts'
import { waitUntil } from '../host/wait.ts'
import { DPDK_MEMORY_MIB } from './definition.ts'
import { tryLock } from './state.ts'

const PAGE_MIB = 2
/** What the host keeps for everything else. */
const RESERVED_MIB = 512

export interface PoolFacts {
  /** Those that were asked for, without what the kernel lends beyond. */
  total: number
  free: number
  /** Memory that can be had without swapping. */
  availableMiB: number
}

export interface HugepagePool {
  read(): PoolFacts
  /** Asks the kernel for so many in all. It may give fewer: `read` says. */
  setTotal(pages: number): void
}

export interface Ledger {
  /** Pages that were nobody's before the first claim. */
  freeBefore: number
  /** Pages that the host has since because of us. */
  added: number
  /** Pages promised, by state folder of the cloud. */
  claims: Readonly<Record<string, number>>
}

/** How many pages to add, or, negative, to give back, so that every promise can be kept beside the pages that were free before. Pure. */
export function pagesToAdd({ freeBefore, added, claims }: Ledger): number {
  const promised = Object.values(claims).reduce((sum, pages) => sum + pages, 0)
  return Math.max(0, promised - freeBefore) - added
}

/** For the nodes on DPDK of a cloud, if it has any: changes the host until releaseHugepages, and says so. May run again. */
export async function ensureHugepages(stateDir: string, dpdkNodes: number, progress: Progress): Promise<void> {
  if (dpdkNodes === 0) return
  const pages = (dpdkNodes * DPDK_MEMORY_MIB) / PAGE_MIB
  const { before, after } = await progress.step('hugepages for DPDK', () => claimHugepages(stateDir, pages))
  if (after === before) return
  progress.note(`changed on this host until down: ${after} hugepages of ${PAGE_MIB} MiB instead of ${before}`)
}

/** Once the nodes are gone. */
export async function releaseHugepages(stateDir: string, progress: Progress): Promise<void> {
  const { before, after } = await progress.step('hugepages', () => claimHugepages(stateDir, 0))
  if (after !== before) progress.note(`this host again: ${after} hugepages of ${PAGE_MIB} MiB instead of ${before}`)
}

export interface HugepageChange {
  before: number
  after: number
}

export interface HugepageOptions {
  ledgerFile?: string
  pool?: HugepagePool
  isAlive?: (owner: string) => boolean
}

/**
 * Promises pages to a cloud, known by its state folder, and has the host add what is missing; may run again with the same or another
 * number. Zero gives back what was added for it.
 * @throws when the host has not enough memory in one piece; nothing is changed then
 */
export async function claimHugepages(
  owner: string,
  pages: number,
  { ledgerFile = '/run/nephele-hugepages.json', pool = hostPool(), isAlive = existsSync }: HugepageOptions = {},
): Promise<HugepageChange> {
  mkdirSync(dirname(ledgerFile), { recursive: true })
  const lock = await waitUntil('the hugepages of the host', () => lockOf(ledgerFile), { timeoutMs: 10_000 })
  try {
    const ledger = readLedger(ledgerFile) ?? { freeBefore: pool.read().free, added: 0, claims: {} }
    // A cloud whose folder somebody removed gives nothing back by itself.
    const others = Object.entries(ledger.claims).filter(([other]) => other !== owner && isAlive(other))
    const claims = Object.fromEntries(pages > 0 ? [...others, [owner, pages]] : others)
    const change = pagesToAdd({ ...ledger, claims })
    const before = pool.read().total
    if (change > 0) addPages(pool, change)
    else if (change < 0) pool.setTotal(Math.max(0, before + change))
    // After the change: a process that is killed between the two keeps memory for nothing, instead of taking pages from others.
    writeLedger(ledgerFile, { ...ledger, added: ledger.added + change, claims })
    return { before, after: pool.read().total }
  } finally {
    lock.unlock()
  }
}

function addPages(pool: HugepagePool, pages: number): void {
  const { total, availableMiB } = pool.read()
  const wantedMiB = pages * PAGE_MIB
  if (wantedMiB + RESERVED_MIB > availableMiB) {
    throw new Error(
      `nodes with DPDK need ${wantedMiB} MiB of hugepages, and the host has ${availableMiB} MiB of memory left, of which ${RESERVED_MIB} MiB are kept: end something, or ask for fewer --dpdk-nodes`,
    )
  }
  pool.setTotal(total + pages)
  const given = pool.read().total - total
  if (given >= pages) return
  pool.setTotal(total)
  throw new Error(
    `nodes with DPDK need ${wantedMiB} MiB of hugepages, and the kernel found ${Math.max(0, given) * PAGE_MIB} MiB in pieces of ${PAGE_MIB} MiB: its memory is fragmented. End something large, drop caches or reboot, or ask for fewer --dpdk-nodes`,
  )
}

function lockOf(ledgerFile: string): { unlock: () => void } | undefined {
  const lock = tryLock(`${ledgerFile}.lock`)
  return lock.ok ? lock : undefined
}

function readLedger(file: string): Ledger | undefined {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Ledger) : undefined
}

function writeLedger(file: string, ledger: Ledger): void {
  if (Object.keys(ledger.claims).length === 0) {
    rmSync(file, { force: true })
    return
  }
  writeFileSync(`${file}.new`, JSON.stringify(ledger, null, 2))
  renameSync(`${file}.new`, file)
}

/** Memory of the first NUMA cell, where the nodes' switches look for it; of the only one where the kernel knows no cells. */
function hostPool(): HugepagePool {
  const cell = '/sys/devices/system/node/node0'
  const dir = `${existsSync(`${cell}/hugepages`) ? `${cell}/` : '/sys/kernel/mm/'}hugepages/hugepages-${PAGE_MIB * 1024}kB`
  if (!existsSync(dir))
    throw new Error(`this kernel has no hugepages of ${PAGE_MIB} MiB: --dpdk-nodes cannot be had here`)
  const read = (name: string) => Number(readFileSync(`${dir}/${name}`, 'utf8'))
  return {
    read: () => ({
      total: read('nr_hugepages') - read('surplus_hugepages'),
      free: read('free_hugepages'),
      availableMiB: Math.floor(
        Number(/^MemAvailable:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]) / 1024,
      ),
    }),
    setTotal: (pages) => {
      try {
        writeFileSync(`${dir}/nr_hugepages`, String(pages))
      } catch (cause) {
        throw new Error(
          `the number of hugepages cannot be changed here (${dir}): --dpdk-nodes needs a host of its own`,
          {
            cause,
          },
        )
      }
    },
  }
}
