// SPDX-License-Identifier: Apache-2.0
import type { NodeWeigher } from './weigher.ts'

/** The fewer of its group a node has, the better. */
export const serverGroupSoftAntiAffinityWeigher: NodeWeigher = {
  name: 'ServerGroupSoftAntiAffinityWeigher',
  multiplier: 1,
  by: 'node',
  weights({ group }) {
    if (group?.policy !== 'soft-anti-affinity' || !group.membersOn) return undefined
    return new Map([...group.membersOn].map(([name, members]) => [name, -members]))
  },
}
