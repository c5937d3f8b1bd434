// SPDX-License-Identifier: Apache-2.0
import { explainFailure, explainRefusals, keepWithin, type Explanation } from './explanation.ts'
import { turnsOf, whyRefused, type Filter, type Turn } from './filters/filter.ts'
import { fitOnNode } from './filters/numa-topology.ts'
import type { PlacementRequest } from './filters/request.ts'
import { Judgement } from './judgement.ts'
import type { NodeRow } from './nodes/node-facts.ts'
import type { NodeTable } from './nodes/node-table.ts'
import type { NumaPlacement } from './numa/host-cells.ts'
import type { Policy } from './policy.ts'
import { Ranking } from './ranking.ts'

export type Choice =
  /** `numa`: its cells there, where the request asks for some. */
  | { ok: true; node: string; explanation: Explanation; numa?: NumaPlacement }
  /** `turns`: what machines have to do before one of these nodes may take it, unless it says something else of itself. */
  | { ok: false; explanation: Explanation; why: string; turns: ReadonlySet<Turn> }

/** When more rows changed than one in so many, and more than a few, all are looked at again. */
const ONE_IN = 8
const FEW = 64

/**
 * What all nodes are for one request, by one policy: made in one pass over them, and brought up to date by the rows that changed since. It
 * serves for all requests that differ in nothing but the machine's UID.
 */
export class Decision {
  readonly #table: NodeTable
  readonly #judgement: Judgement
  readonly #ranking: Ranking
  #isRanked = false
  #policy: Policy | undefined
  /** The state of the table that it answers. */
  #changes = 0
  #rowsVersion = -1

  constructor(table: NodeTable) {
    this.#table = table
    this.#judgement = new Judgement(table)
    this.#ranking = new Ranking(table, this.#judgement)
  }

  /** About as much memory as it holds. */
  get bytes(): number {
    return this.#judgement.first.byteLength + this.#ranking.bytes
  }

  /** Looks at all nodes, in place of what it was. */
  make(request: PlacementRequest, policy: Policy): void {
    this.#policy = policy
    this.#changes = this.#table.changes.count
    this.#rowsVersion = this.#table.rowsVersion
    this.#judgement.judge(request, policy.filters)
    this.#rankAll(request)
  }

  /** Looks at the nodes that changed. @returns false: there are too many of them, or others; it has to be made anew */
  follow(request: PlacementRequest): boolean {
    const { changes, rowsVersion, length } = this.#table
    if (rowsVersion !== this.#rowsVersion) return false
    if (changes.countSince(this.#changes) > Math.max(FEW, length / ONE_IN)) return false
    if (this.#isRanked && !this.#ranking.isFor(request)) return false
    if (changes.count === this.#changes) return true
    for (let change = this.#changes; change < changes.count; change++) {
      const row = changes.rowOf(change)
      this.#judgement.judgeAgain(row)
      if (this.#isRanked) this.#ranking.rankAgain(row)
    }
    this.#changes = changes.count
    if (!this.#isRanked) this.#rankAll(request)
    return true
  }

  /** The winner, and how that came about. */
  choose(request: PlacementRequest): Choice {
    const table = this.#table
    const filters = this.#policy?.filters ?? []
    const all: Explanation = {
      ...{ total: table.nodes, evaluated: table.nodes },
      filters: explainRefusals(filters, this.#judgement.counts, (depth) =>
        this.#exampleOf(depth, filters[depth], request),
      ),
    }
    const best = this.#isRanked ? this.#ranking.best(request.uid) : undefined
    const node = best && table.get(best.row)
    if (!node) {
      const explanation = keepWithin(all)
      // A node passes no sooner than the filter that refuses it first turns.
      const refusing = filters.filter((_, depth) => (this.#judgement.counts[depth] ?? 0) > 0)
      return { ok: false, explanation, why: explainFailure(explanation), turns: turnsOf(refusing, request) }
    }
    const explanation = keepWithin({ node: node.name, score: Math.round(best.total * 1000), ...all })
    return request.numa === undefined
      ? { ok: true, node: node.name, explanation }
      : { ok: true, node: node.name, explanation, numa: placeOnCells(node, request.numa, request) }
  }

  /** Where nobody passed there is nobody to be ranked, nor memory to be taken for it. */
  #rankAll(request: PlacementRequest): void {
    this.#isRanked = this.#judgement.passed > 0
    if (this.#isRanked) this.#ranking.rank(request, this.#policy?.weighers ?? [])
  }

  #exampleOf(depth: number, filter: Filter | undefined, request: PlacementRequest): string {
    const node = this.#table.get(this.#judgement.exampleOf(depth))
    const why = node && filter && whyRefused(filter, node, request)
    // A filter that judges all at once otherwise than each by itself: nothing that it decides can be trusted.
    if (!node || why === undefined) throw new Error(`${filter?.name} refuses a node without a reason`)
    return `${node.name} ${why}`
  }
}

/** The filter has found room there, which is looked for once more: it is chosen for one node alone. */
function placeOnCells(
  node: NodeRow,
  numa: NonNullable<PlacementRequest['numa']>,
  request: PlacementRequest,
): NumaPlacement {
  const fit = fitOnNode(node, numa, request)
  // A policy without the filter would place machines on cells that have no room.
  if (!fit.ok) throw new Error(`${node.name} was chosen and has no room on its NUMA cells: it ${fit.why}`)
  return fit.placement
}
