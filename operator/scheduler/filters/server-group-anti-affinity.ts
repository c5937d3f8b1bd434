// SPDX-License-Identifier: Apache-2.0
import type { NameFilter } from './filter.ts'

/** No node gets more members of a group than its policy allows. */
export const serverGroupAntiAffinityFilter: NameFilter = {
  name: 'ServerGroupAntiAffinityFilter',
  by: 'name',
  turnedBy: ['members'],
  named({ group }) {
    if (group?.policy !== 'anti-affinity' || !group.membersOn) return []
    // Most groups: every node that has one is full.
    if (group.most === 1) return group.membersOn.keys()
    return [...group.membersOn].filter(([, members]) => members >= group.most).map(([name]) => name)
  },
  refuse({ name }, { group }) {
    if (group?.policy !== 'anti-affinity') return undefined
    const members = group.membersOn?.get(name) ?? 0
    if (members < group.most) return undefined
    return `has ${members} of ServerGroup ${group.key}, which allows ${group.most} on a node`
  },
}
