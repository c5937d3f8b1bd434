// SPDX-License-Identifier: Apache-2.0
// All that is known of each node in view of one machine: what a decision throws away as soon as it has the winner.
import { clip } from './explanation.ts'
import { whyRefused, type Filter } from './filters/filter.ts'
import type { PlacementRequest } from './filters/request.ts'
import { Judgement } from './judgement.ts'
import type { NodeTable } from './nodes/node-table.ts'
import type { Policy } from './policy.ts'
import { Ranking } from './ranking.ts'

/** A node that passes has a total and weights, in thousandths; one that does not has refusals. */
export interface NodeVerdict {
  node: string
  score?: number
  weights?: { name: string; weight: number }[]
  refusedBy?: { name: string; message: string }[]
}

const MOST_REFUSALS = 16

/** Those that pass, the best first, then the others: those that got furthest through the filters first. At most `most` in all. */
export function compareNodes(
  table: NodeTable,
  request: PlacementRequest,
  { filters, weighers }: Policy,
  most: number,
): NodeVerdict[] {
  table.arrange()
  const judgement = new Judgement(table)
  judgement.judge(request, filters)
  const ranking = new Ranking(table, judgement)
  ranking.rank(request, weighers)
  const best = ranking.list(request.uid, most).map(({ row, total, weights }) => ({
    node: nameOf(table, row),
    score: toThousandths(total),
    weights: weights.map(({ name, weight }) => ({ name, weight: toThousandths(weight) })),
  }))
  return [...best, ...listMisses(table, request, filters, judgement.first, most - best.length)]
}

function listMisses(
  table: NodeTable,
  request: PlacementRequest,
  filters: readonly Filter[],
  first: Uint8Array,
  most: number,
): NodeVerdict[] {
  if (most <= 0) return []
  const depthOf = (row: number) => first[row] ?? 0
  const refused = Array.from({ length: table.length }, (_, row) => row).filter((row) => depthOf(row) < filters.length)
  refused.sort((a, b) => depthOf(b) - depthOf(a) || a - b)
  return refused
    .slice(0, most)
    .map((row) => ({ node: nameOf(table, row), refusedBy: listRefusals(table, request, filters, row) }))
}

function listRefusals(table: NodeTable, request: PlacementRequest, filters: readonly Filter[], row: number) {
  const node = table.get(row)
  if (!node) throw new Error(`row ${row} has no node`)
  const all = filters.flatMap((filter) => {
    const why = whyRefused(filter, node, request)
    return why === undefined ? [] : [{ name: filter.name, message: clip(why) }]
  })
  return all.slice(0, MOST_REFUSALS)
}

function nameOf(table: NodeTable, row: number): string {
  return table.get(row)?.name ?? ''
}

function toThousandths(weight: number): number {
  return Math.round(weight * 1000)
}
