// SPDX-License-Identifier: Apache-2.0
import type { Instance, ServerGroup } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { done, released, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { waitForHolders } from '../../kind/holders.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { mostOnNode } from './kind.ts'

const MOST_SHOWN = 64
const MOST_NAMED = 5

/** The scheduler keeps to its policy by the claims of its members; here stands who they are, and where the policy does not hold. */
export function reconcileServerGroup(group: ServerGroup, { caches }: Pick<OperatorDeps, 'caches'>): Outcome {
  const status = (group.status ??= {})
  const members = caches.instances
    .listBy('serverGroup', keyOfObject(group))
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
  status.memberCount = members.length
  status.members = members.slice(0, MOST_SHOWN).map(({ metadata: { name }, status: { node } = {} }) => ({
    ...{ name, ...(node === undefined ? {} : { node }) },
  }))
  if (group.metadata.deletionTimestamp !== undefined) {
    status.state = 'DELETING'
    return waitForHolders('serverGroups', group, caches) ?? released
  }
  status.state = 'ACTIVE'
  const broken = whyBroken(group, members)
  return broken === undefined ? done : waitFor('PolicyBroken', broken)
}

/** By a lowered limit, a restore, or two leaders at once: members stay where they are, and a person decides which has to go. */
function whyBroken({ spec }: ServerGroup, members: readonly Instance[]): string | undefined {
  const onNodes = Map.groupBy(
    members.filter(({ status }) => status?.node !== undefined),
    ({ status }) => status?.node ?? '',
  )
  if (spec.policy === 'affinity' && onNodes.size > 1) {
    const nodes = [...onNodes.keys()].sort()
    return `members are on ${some(nodes)}: delete those that are on the wrong node and make them again`
  }
  const most = mostOnNode(spec)
  const [crowded] = [...onNodes].filter(([, there]) => there.length > most).sort(([a], [b]) => (a < b ? -1 : 1))
  if (!crowded) return undefined
  const [node, there] = crowded
  const names = some(there.map(({ metadata }) => metadata.name))
  return `${there.length} members are on node ${node}, ${most} may be: delete some of ${names} and make them again, or raise spec.maxServersPerHost`
}

function some(all: readonly string[]): string {
  const named = all.slice(0, MOST_NAMED).join(', ')
  return all.length > MOST_NAMED ? `${named} and ${all.length - MOST_NAMED} more` : named
}
