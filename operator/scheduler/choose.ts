// SPDX-License-Identifier: Apache-2.0
import { Decision, type Choice } from './decision.ts'
import type { NodeTable } from './nodes/node-table.ts'
import type { PlacementRequest } from './filters/request.ts'
import { DEFAULT_POLICY, type Policy } from './policy.ts'

/** The same table and request give the same node, in whatever order nodes were added. All nodes are judged at once, by columns. */
export function chooseNode(table: NodeTable, request: PlacementRequest, policy: Policy = DEFAULT_POLICY): Choice {
  table.arrange()
  const decision = new Decision(table)
  decision.make(request, policy)
  return decision.choose(request)
}
