// SPDX-License-Identifier: Apache-2.0
import type { NodeWeigher } from './weigher.ts'

/** The more of its group a node has, the better. */
export const serverGroupSoftAffinityWeigher: NodeWeigher = {
  name: 'ServerGroupSoftAffinityWeigher',
  multiplier: 1,
  by: 'node',
  weights: ({ group }) => (group?.policy === 'soft-affinity' ? group.membersOn : undefined),
}
