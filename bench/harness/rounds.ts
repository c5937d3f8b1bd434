// SPDX-License-Identifier: Apache-2.0
// Objects that a scheduler places, in rounds: made as fast as the apiserver takes them, and waited for until the last has a node there.
import { setTimeout as sleep } from 'node:timers/promises'
import type { KubeClient } from '../../lib/kube/client.ts'
import type { KubeObject, ResourceKind } from '../../lib/kube/object.ts'
import { pagesOf } from '../../lib/kube/pages.ts'
import { cpuMsOf } from './cpu.ts'
import { someAtOnce } from '../../lib/some-at-once.ts'

const AT_ONCE = 48
const WATCH_SECONDS = 7200
const IDLE_MS = 3600_000
const PATIENCE_MS = 180_000

/** How many objects of a kind have a node, by a watch on them alone. */
export class Placed {
  readonly #uids = new Set<string>()
  readonly #stop = new AbortController()
  #reached: { count: number; resolve: () => void } | undefined

  private constructor() {}

  /** @param fieldSelector those with a node */
  static watch(client: KubeClient, kind: ResourceKind, fieldSelector: string): Placed {
    const placed = new Placed()
    const { signal } = placed.#stop
    placed.#follow(client, kind, fieldSelector, signal).catch((error: unknown) => {
      if (!signal.aborted) console.error('watch ended', error)
    })
    return placed
  }

  /** The apiserver ends a watch that is read too slowly: what it then did not say is listed. */
  async #follow(client: KubeClient, kind: ResourceKind, fieldSelector: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let resourceVersion = ''
      for await (const page of pagesOf<KubeObject>(client, kind, { fieldSelector })) {
        resourceVersion = page.metadata.resourceVersion ?? ''
        for (const { metadata } of page.items) this.#add(metadata.uid)
      }
      const options = { fieldSelector, resourceVersion, timeoutSeconds: WATCH_SECONDS, idleTimeoutMs: IDLE_MS, signal }
      for await (const event of client.watch<KubeObject>(kind, options))
        if (event.type === 'ADDED' || event.type === 'MODIFIED') this.#add(event.object.metadata.uid)
    }
  }

  get count(): number {
    return this.#uids.size
  }

  async waitFor(count: number): Promise<void> {
    if (this.#uids.size >= count) return
    const { promise, resolve, reject } = Promise.withResolvers<undefined>()
    this.#reached = { count, resolve: () => resolve(undefined) }
    const late = () => reject(new Error(`${this.#uids.size} of ${count} have a node`))
    const timer = setTimeout(late, PATIENCE_MS)
    await promise.finally(() => clearTimeout(timer))
  }

  close(): void {
    this.#stop.abort()
  }

  #add(uid: string): void {
    this.#uids.add(uid)
    if (this.#reached && this.#uids.size >= this.#reached.count) this.#reached.resolve()
  }
}

/** Process ids by what they are. */
export type Processes = Readonly<Record<string, number>>

export interface Round {
  count: number
  seconds: number
  /** Milliseconds of CPU until the last was placed, by process. */
  cpu: ReadonlyMap<string, number>
}

/** @param make the i-th of the round */
export async function runRound(
  placed: Placed,
  count: number,
  processes: Processes,
  make: (i: number) => Promise<unknown>,
): Promise<Round> {
  const target = placed.count + count
  return runOnce(count, processes, async () => {
    await someAtOnce(Array(count).keys(), AT_ONCE, make)
    await placed.waitFor(target)
  })
}

/** @param work deals with `count` objects */
export async function runOnce(count: number, processes: Processes, work: () => Promise<unknown>): Promise<Round> {
  const read = () => Object.entries(processes).map(([name, pid]) => [name, cpuMsOf(pid)] as const)
  const before = new Map(read())
  const startedAt = performance.now()
  await work()
  const seconds = (performance.now() - startedAt) / 1000
  return { count, seconds, cpu: new Map(read().map(([name, ms]) => [name, ms - (before.get(name) ?? 0)])) }
}

/** Resolves when the process has next to nothing to do. @param idleCores what it takes at rest */
export async function untilIdle(pid: number, idleCores = 0.15): Promise<void> {
  for (let before = cpuMsOf(pid); ;) {
    await sleep(2000)
    const now = cpuMsOf(pid)
    if (now - before < idleCores * 2000) return
    before = now
  }
}

export interface Total {
  count: number
  /** Placements a second. */
  rate: number
  /** Milliseconds of CPU for each, by process. */
  cpuEach(name: string): number
}

export function total(rounds: readonly Round[]): Total {
  const sum = (of: (round: Round) => number) => rounds.reduce((all, round) => all + of(round), 0)
  const count = sum((r) => r.count)
  return {
    count,
    rate: count / sum((r) => r.seconds),
    cpuEach: (name) => sum((r) => r.cpu.get(name) ?? NaN) / count,
  }
}
