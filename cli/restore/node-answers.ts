// SPDX-License-Identifier: Apache-2.0
// What nodes still have of what an archive would make anew. Pure.
import { COMPUTE_NODE } from '../../lib/api/kinds.ts'
import type { ComputeNode, Instance } from '../../lib/api/types.ts'
import { findCondition, isConditionTrue } from '../../lib/conditions.ts'
import type { Archived } from './read-archive.ts'

/** As many as `status.orphans` of a ComputeNode lists; behind them there may be more. */
const MOST_ORPHANS = 32

export interface NodeAnswers {
  /** By node: why it is not known what it has. */
  unknown: ReadonlyMap<string, string>
  /** By UID of what a node has, and by kind and key such as `volume team/data` where that is known: that node. */
  holders: ReadonlyMap<string, string>
}

/**
 * A machine may have moved since the backup, or been placed only then, so every node of the archive and of the cluster is asked about.
 *
 * | its ComputeNode                                            | what it has                            |
 * |------------------------------------------------------------|----------------------------------------|
 * | none: it has not joined again                              | not known, unless `--lost-node` names it |
 * | with spec.lost                                             | nothing that counts                    |
 * | not Ready, or not OrphansListed                            | not known                              |
 * | with a full list                                           | what is listed, and more that is not known |
 * | otherwise                                                  | what is listed, or still to be released |
 *
 * @param lost nodes that whoever restores has declared lost
 */
export function readNodeAnswers(
  archived: readonly Archived[],
  computeNodes: readonly ComputeNode[],
  lost: readonly string[],
): NodeAnswers {
  const byName = new Map(computeNodes.map((node) => [node.metadata.name, node]))
  const unknown = new Map<string, string>()
  const holders = new Map<string, string>()
  for (const name of new Set([...nodesOf(archived), ...byName.keys()])) {
    const node = byName.get(name)
    if (node?.spec.lost !== undefined) continue
    for (const { kind, uid, what } of node?.status?.orphans ?? []) {
      holders.set(uid, name)
      // Of what was made anew once before the UID is another than the archive's.
      const [, key] = /^([^\s/,]+\/[^\s/,]+), /.exec(what) ?? []
      if (key !== undefined) holders.set(`${kind} ${key}`, name)
    }
    for (const { kind, uid, namespace = '', name: of } of node?.status?.releases ?? [])
      holders.set(uid, name).set(`${kind} ${namespace}/${of}`, name)
    const why = node ? whyUnknown(node) : lost.includes(name) ? undefined : 'it has not joined this cluster'
    if (why !== undefined) unknown.set(name, why)
  }
  return { unknown, holders }
}

function whyUnknown({ status }: ComputeNode): string | undefined {
  const { conditions, orphans = [] } = status ?? {}
  if (!isConditionTrue(conditions, 'Ready'))
    return `it is not Ready: ${findCondition(conditions, 'Ready')?.message ?? 'the operator has not looked at it'}`
  if (!isConditionTrue(conditions, 'OrphansListed'))
    return findCondition(conditions, 'OrphansListed')?.message ?? 'its agent has not listed yet what it has'
  if (orphans.length >= MOST_ORPHANS)
    return `its list of what has no resource is full (${orphans.length}), so there may be more`
  return undefined
}

/** All nodes that an archive names as one that has, or had, anything. */
export function nodesOf(archived: readonly Archived[]): Set<string> {
  const names = archived.flatMap(({ kind, object }) => {
    if (kind.plural === COMPUTE_NODE.plural) return [object.metadata.name]
    const { node, pendingReleases = [] } = (object as Instance).status ?? {}
    return [node, ...pendingReleases.map((one) => one.node)]
  })
  return new Set(names.filter((name): name is string => typeof name === 'string' && name !== ''))
}
