// SPDX-License-Identifier: Apache-2.0
import { explainFailure, explainRefusals, type Explanation } from './explanation.ts'
import { whyRefused, type Filter } from './filters/filter.ts'
import { judge, tally } from './judge.ts'
import type { NodeTable } from './nodes/node-table.ts'
import { pickBest } from './pick-best.ts'
import type { PlacementRequest } from './filters/request.ts'
import { DEFAULT_POLICY, type Policy } from './policy.ts'

export type Choice =
  { ok: true; node: string; explanation: Explanation } | { ok: false; explanation: Explanation; why: string }

/** Used again by every decision, of which there is one at a time. */
let scratch = { first: new Uint8Array(0), passed: new Int32Array(0) }

/** The same table and request give the same node, in whatever order nodes were added. All nodes are judged at once, by columns. */
export function chooseNode(table: NodeTable, request: PlacementRequest, policy: Policy = DEFAULT_POLICY): Choice {
  if (scratch.first.length < table.length) {
    const size = 2 * table.length
    scratch = { first: new Uint8Array(size), passed: new Int32Array(size) }
  }
  const { first, passed } = scratch
  judge(table, request, policy.filters, first)
  const { refusals, count } = tally(table, first, passed, policy.filters.length)
  const filters = explainRefusals(refusals, (depth, row) => exampleOf(table, row, policy.filters[depth], request))
  const best = pickBest(table, { passed, count }, request, policy.weighers)
  const all = { total: table.nodes, evaluated: table.nodes, filters }
  if (!best) return { ok: false, explanation: all, why: explainFailure(all) }
  const explanation = { node: best.name, score: Math.round(best.total * 1000), ...all }
  return { ok: true, node: best.name, explanation }
}

function exampleOf(table: NodeTable, row: number, filter: Filter | undefined, request: PlacementRequest) {
  const node = table.get(row)
  const why = node && filter && whyRefused(filter, node, request)
  // A filter that judges all at once otherwise than each by itself: nothing that it decides can be trusted.
  if (!node || !filter || why === undefined) throw new Error(`${filter?.name} refuses a node without a reason`)
  return { name: filter.name, text: `${node.name} ${why}` }
}
