// SPDX-License-Identifier: Apache-2.0
import type { ColumnWeigher } from './weigher.ts'

/**
 * Nodes with fewer free virtual functions are better: machines that ask for none leave these nodes to those that do, which are stacked on the
 * nodes with the fewest left, so that one that asks for many finds them together.
 */
export const pciWeigher: ColumnWeigher = { name: 'PCIWeigher', multiplier: 1, by: 'column', column: 'pciScarcity' }
