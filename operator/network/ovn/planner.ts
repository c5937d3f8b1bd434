// SPDX-License-Identifier: Apache-2.0
import type { LogicalWant } from '../logical-kinds.ts'
import type { Northbound } from './northbound.ts'
import type { NorthboundTable } from './northbound-tables.ts'
import type { Plan } from './plan.ts'

/** Plans one transaction against a state of the mirror. Pure. */
export type Planner = (nb: Northbound) => Plan

/** How one logical kind stands in the northbound database. */
export interface KindPlanner<W extends LogicalWant> {
  /** Of the row that has the resource's mark. */
  table: NorthboundTable
  plan(want: W, nb: Northbound): Plan
  planRemoval(uid: string, nb: Northbound): Plan
}
