// SPDX-License-Identifier: Apache-2.0
import type { ClassFilter } from './filter.ts'

/** Nodes that run machines and are open for new ones. */
export const computeFilter: ClassFilter<unknown> = {
  name: 'ComputeFilter',
  by: 'class',
  turnedBy: [],
  refuse(node) {
    if (node.hypervisor === undefined) return 'runs no machines'
    if (!node.up) return 'is down'
    return node.closed
  },
}
