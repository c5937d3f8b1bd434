// SPDX-License-Identifier: Apache-2.0
// Which of the slow test files a run takes. Pure: what the parts mean and how long they may last is in docs/testing.md.

/** Why a file runs. */
export type Cause = 'core' | 'failed' | 'touched' | 'shard'

export interface Limits {
  /** Seconds for files that the change touches, the nearest first. */
  touched: number
  /** Seconds for one shard of all that is not core. */
  shard: number
}

export interface Question {
  /** Every slow test file with its seconds, as the ledger has them. */
  seconds: ReadonlyMap<string, number>
  /** Run always. */
  core: readonly string[]
  /** Failed when they last ran. */
  failed: readonly string[]
  /** What the change touches, the nearest first. */
  touched: readonly string[]
  /** Counts up from run to run: consecutive ones take consecutive shards. */
  turn: number
  limits: Limits
}

export interface Choice {
  files: ReadonlyMap<string, Cause>
  shard: { index: number; of: number }
  /** Touched files that found no room; their shard comes. */
  leftOut: readonly string[]
}

/** Names of files that are not there any more count for nothing. */
export function choose({ seconds, core, failed, touched, turn, limits }: Question): Choice {
  const files = new Map<string, Cause>()
  const take = (paths: readonly string[], cause: Cause) => {
    for (const path of paths) if (seconds.has(path) && !files.has(path)) files.set(path, cause)
  }
  take(core, 'core')
  take(failed, 'failed')
  const leftOut: string[] = []
  let used = 0
  for (const path of touched) {
    const cost = seconds.get(path)
    if (cost === undefined || files.has(path)) continue
    if (used + cost > limits.touched && used > 0) leftOut.push(path)
    else {
      files.set(path, 'touched')
      used += cost
    }
  }
  const shards = cut(
    [...seconds].filter(([path]) => !core.includes(path)),
    limits.shard,
  )
  const index = turn % shards.length
  take(shards[index] ?? [], 'shard')
  return { files, shard: { index, of: shards.length }, leftOut: leftOut.filter((path) => !files.has(path)) }
}

/** Into as few shards of about the same length as the limit asks for; the same files give the same shards. At least one, if empty. */
function cut(files: readonly (readonly [string, number])[], limit: number): string[][] {
  const total = files.reduce((sum, [, cost]) => sum + cost, 0)
  const shards = Array.from({ length: Math.max(1, Math.ceil(total / limit)) }, () => ({
    cost: 0,
    paths: [] as string[],
  }))
  const longestFirst = [...files].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
  for (const [path, cost] of longestFirst) {
    const emptiest = shards.reduce((a, b) => (b.cost < a.cost ? b : a))
    emptiest.paths.push(path)
    emptiest.cost += cost
  }
  return shards.map(({ paths }) => paths)
}
