// SPDX-License-Identifier: Apache-2.0
// Many nodes have one trouble: it is said once, with how many they are and the names of some.
import type { ProviderNetwork } from '../../../lib/api/types.ts'

export interface OneNode {
  isConnected: boolean
  hasConflict: boolean
  trouble?: { node: string; message: string }
}
type Trouble = NonNullable<NonNullable<ProviderNetwork['status']>['troubles']>[number]

const MOST_NAMED = 3
const MOST_CAUSES = 3

/** Those of most nodes first. @param nodes by name */
export function foldByCause(nodes: readonly OneNode[]): Trouble[] {
  const causes = new Map<string, string[]>()
  for (const { trouble } of nodes)
    if (trouble) causes.set(trouble.message, [...(causes.get(trouble.message) ?? []), trouble.node])
  return [...causes]
    .map(([message, names]) => ({ message, nodeCount: names.length, nodes: names.slice(0, MOST_NAMED) }))
    .sort((a, b) => b.nodeCount - a.nodeCount)
}

/** `nodes n1, n2, n3 and 4 more: why; node n9: another; and 2 more causes`. */
export function sayCauses(nodes: readonly OneNode[]): string {
  const causes = foldByCause(nodes)
  const said = causes.slice(0, MOST_CAUSES).map(({ message, nodeCount, nodes: named }) => {
    const more = nodeCount - named.length
    return `node${nodeCount > 1 ? 's' : ''} ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}: ${message}`
  })
  const left = causes.length - said.length
  return `${said.join('; ')}${left > 0 ? `; and ${left} more cause${left > 1 ? 's' : ''}` : ''}`
}
