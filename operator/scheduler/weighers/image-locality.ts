// SPDX-License-Identifier: Apache-2.0
import type { RowsWeigher } from './weigher.ts'

/** Nodes that have the image are better: the machine starts sooner, and nothing is fetched. */
export const imageLocalityWeigher: RowsWeigher = {
  name: 'ImageLocalityWeigher',
  multiplier: 1,
  by: 'rows',
  rows: ({ imageRows }) => imageRows,
}
