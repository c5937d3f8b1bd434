// SPDX-License-Identifier: Apache-2.0
import type { ColumnWeigher } from './weigher.ts'

/** Nodes that refused machines one after the other come last, whatever room they have, until one starts there. */
export const buildFailureWeigher: ColumnWeigher = {
  name: 'BuildFailureWeigher',
  multiplier: -1_000_000,
  by: 'column',
  column: 'failedBuilds',
}
