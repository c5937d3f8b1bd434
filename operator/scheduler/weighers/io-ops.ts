// SPDX-License-Identifier: Apache-2.0
import type { ColumnWeigher } from './weigher.ts'

/** Nodes that build fewer machines at the moment are better. */
export const ioOpsWeigher: ColumnWeigher = {
  name: 'IoOpsWeigher',
  multiplier: -1,
  by: 'column',
  column: 'ioOps',
  minimum: 0,
}
