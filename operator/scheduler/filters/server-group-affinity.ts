// SPDX-License-Identifier: Apache-2.0
import type { OnlyFilter } from './filter.ts'

const MOST_NAMED = 3

/** Where a group has members, the others join them; the first may go anywhere. */
export const serverGroupAffinityFilter: OnlyFilter = {
  name: 'ServerGroupAffinityFilter',
  by: 'only',
  turnedBy: ['members'],
  allowed({ group }) {
    if (group?.policy !== 'affinity' || !group.membersOn || group.membersOn.size === 0) return undefined
    return group.membersOn.keys()
  },
  refuse({ name }, { group }) {
    if (group?.policy !== 'affinity' || !group.membersOn || group.membersOn.size === 0) return undefined
    if (group.membersOn.has(name)) return undefined
    const nodes = [...group.membersOn.keys()].sort().slice(0, MOST_NAMED).join(', ')
    return `has none of ServerGroup ${group.key}, whose members are together on ${nodes}`
  },
}
