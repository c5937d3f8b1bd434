// SPDX-License-Identifier: Apache-2.0
export interface FilterCount {
  name: string
  refused: number
  /** One node and why. */
  example: string
}

/** How a choice came about: goes into status.scheduling, at most 1 KiB as JSON. */
export interface Explanation {
  /** The winner; absent when no node fits. */
  node?: string
  /** The winner's weight in thousandths: a custom resource holds no floats. */
  score?: number
  /** Nodes in the cloud. */
  total: number
  /** Nodes looked at. */
  evaluated: number
  filters: FilterCount[]
}

const NEAREST_MISSES = 3
/** Of filters: those that nodes got furthest through. */
const MOST_SHOWN = 9
const EXAMPLE_LENGTH = 160

/**
 * Filters that refused, with counts; only the three that nodes got furthest through (the nearest misses) carry an example. Bounds
 * the whole to well below 1 KiB with any number of nodes.
 * @param refused how many nodes each was the first to refuse, by its depth
 * @param exampleOf of a depth: one of these nodes, and why
 */
export function explainRefusals(
  filters: readonly { name: string }[],
  refused: Int32Array,
  exampleOf: (depth: number) => string,
): FilterCount[] {
  const shown: FilterCount[] = []
  for (let depth = filters.length - 1; depth >= 0 && shown.length < MOST_SHOWN; depth--) {
    const count = refused[depth] ?? 0
    if (count === 0) continue
    const example = shown.length < NEAREST_MISSES ? clip(exampleOf(depth)) : ''
    shown.push({ name: filters[depth]?.name ?? '', refused: count, example })
  }
  return shown
}

const MOST_BYTES = 1024
/** What an explanation without filters takes at most beside the node's name, and a filter beside its name and example: `{"name":"","refused":…}`. */
const FRAME = { all: 100, each: 45 }

/**
 * With as much of the filters as is within 1 KiB: those that nodes got the least far through go first, then the ends of examples. Names of a
 * profile's own filters, and what they say, are an administrator's.
 */
export function keepWithin(explanation: Explanation): Explanation {
  if (mostBytes(explanation) <= MOST_BYTES) return explanation
  const { filters, ...rest } = explanation
  const kept = filters.map((filter) => ({ ...filter }))
  const isTooLong = () => Buffer.byteLength(JSON.stringify({ ...rest, filters: kept })) > MOST_BYTES
  while (kept.length > NEAREST_MISSES && isTooLong()) kept.pop()
  for (let most = EXAMPLE_LENGTH / 2; most > 1 && isTooLong(); most /= 2)
    for (const filter of kept) filter.example = clip(filter.example, most)
  return { ...rest, filters: kept }
}

/** Without making the text, which takes longer than many a decision. */
function mostBytes({ node = '', filters }: Explanation): number {
  let bytes = FRAME.all + node.length
  for (const { name, example } of filters) bytes += FRAME.each + name.length + 3 * example.length
  return bytes
}

/** Default: to what one node may say. */
export function clip(text: string, most = EXAMPLE_LENGTH): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`
}

/** In a line. */
export function explainSuccess({ node = '', evaluated, filters }: Explanation): string {
  const refused = filters.map((filter) => `${filter.name} ${filter.refused}`)
  const those = refused.length === 0 ? '' : `; refused by ${refused.join(', ')}`
  return `placed on node ${node}, one of ${evaluated}${those}`
}

export function explainFailure(explanation: Explanation): string {
  if (explanation.evaluated === 0) return 'no compute node is known yet: label nodes with nephele.dev/compute=libvirt'
  const nodes = explanation.evaluated === 1 ? 'the only node was' : `all ${explanation.evaluated} nodes were`
  const parts = explanation.filters.map((f) => `${f.name} ${f.refused}${f.example === '' ? '' : ` (${f.example})`}`)
  return `${nodes} refused: ${parts.join(', ')}`
}
