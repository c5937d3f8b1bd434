// SPDX-License-Identifier: Apache-2.0
import { FILTERS, type Filter, type PlacementRequest } from './filters.ts'
import type { NodeTable } from './node-table.ts'
import { normalize, tieBreak, WEIGHERS, type Weigher } from './weighers.ts'

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

export type Choice =
  { ok: true; node: string; explanation: Explanation } | { ok: false; explanation: Explanation; why: string }

export interface Policy {
  filters: readonly Filter[]
  weighers: readonly Weigher[]
}

export const DEFAULT_POLICY: Policy = { filters: FILTERS, weighers: WEIGHERS }

/** Pure: the same table and request give the same node, in whatever order nodes were added. */
export function chooseNode(table: NodeTable, request: PlacementRequest, policy: Policy = DEFAULT_POLICY): Choice {
  const refusals = new Map<string, FilterCount & { depth: number }>()
  const passed: { name: string; raw: number[] }[] = []
  let evaluated = 0
  table.forEach((row) => {
    evaluated++
    for (const [depth, filter] of policy.filters.entries()) {
      const why = filter.refuse(row, request)
      if (why === undefined) continue
      const count = refusals.get(filter.name)
      const example = `${row.name} ${why}`
      if (!count) refusals.set(filter.name, { name: filter.name, refused: 1, example, depth })
      else {
        count.refused++
        // The example that sorts first, so that row order does not affect the result.
        if (example < count.example) count.example = example
      }
      return
    }
    passed.push({ name: row.name, raw: policy.weighers.map((weigher) => weigher.weigh(row)) })
  })
  const filters = explainRefusals([...refusals.values()])
  const best = pickBest(passed, request.uid, policy.weighers)
  if (!best) {
    const explanation: Explanation = { total: evaluated, evaluated, filters }
    return { ok: false, explanation, why: explainFailure(explanation) }
  }
  const score = Math.round(best.total * 1000)
  const explanation: Explanation = { node: best.name, score, total: evaluated, evaluated, filters }
  return { ok: true, node: best.name, explanation }
}

function pickBest(passed: readonly { name: string; raw: number[] }[], seed: string, weighers: readonly Weigher[]) {
  const columns = weighers.map((weigher, i) =>
    normalize(passed.map((node) => node.raw[i] ?? 0)).map((value) => value * weigher.multiplier),
  )
  let best: { name: string; total: number; tie: number } | undefined
  for (const [i, { name }] of passed.entries()) {
    const total = columns.reduce((sum, column) => sum + (column[i] ?? 0), 0)
    const tie = tieBreak(seed, name)
    if (!best || isBetter({ name, total, tie }, best)) best = { name, total, tie }
  }
  return best
}

interface Candidate {
  name: string
  total: number
  tie: number
}

function isBetter(a: Candidate, b: Candidate): boolean {
  if (a.total !== b.total) return a.total > b.total
  return a.tie === b.tie ? a.name < b.name : a.tie > b.tie
}

const NEAREST_MISSES = 3
const EXAMPLE_LENGTH = 160

/**
 * Filters that refused, with counts; only the three that nodes got furthest through (the nearest misses) carry an example. Bounds
 * the whole to well below 1 KiB with any number of nodes.
 */
function explainRefusals(refusals: readonly (FilterCount & { depth: number })[]): FilterCount[] {
  const nearest = [...refusals].sort((a, b) => b.depth - a.depth)
  return nearest.map(({ name, refused, example }, i) => ({
    name,
    refused,
    example: i < NEAREST_MISSES ? clip(example) : '',
  }))
}

function clip(text: string): string {
  return text.length <= EXAMPLE_LENGTH ? text : `${text.slice(0, EXAMPLE_LENGTH - 1)}…`
}

function explainFailure(explanation: Explanation): string {
  if (explanation.evaluated === 0) return 'no compute node is known yet: label nodes with nephele.dev/compute=libvirt'
  const nodes = explanation.evaluated === 1 ? 'the only node was' : `all ${explanation.evaluated} nodes were`
  const parts = explanation.filters.map((f) => `${f.name} ${f.refused}${f.example === '' ? '' : ` (${f.example})`}`)
  return `${nodes} refused: ${parts.join(', ')}`
}
