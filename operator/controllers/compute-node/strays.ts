// SPDX-License-Identifier: Apache-2.0
import type { ComputeNode } from '../../../lib/api/types.ts'
import { setCondition, type ConditionUpdate } from '../../../lib/conditions.ts'
import { DOCUMENTS, type ObservedDocument, type Orphan } from '../../../lib/contract/documents.ts'
import { isListed } from '../../bus/listed.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { findResource } from '../../kind/document-kinds.ts'

type StrayDeps = Pick<OperatorDeps, 'bus' | 'caches'>
type Orphans = NonNullable<NonNullable<ComputeNode['status']>['orphans']>

const ORPHANS_LISTED = 'OrphansListed'

const MOST = 32
const MOST_CHARACTERS = 255

/** Does the node have something without a resource that nobody told it to release? Copies (cached images) do not count. */
export function isStray(report: ObservedDocument | undefined, { bus, caches }: StrayDeps): boolean {
  if (!report || report.state === 'gone' || DOCUMENTS[report.kind].holds !== 'original') return false
  if (findResource(report.kind, report.uid, caches)) return false
  return bus.desired.find(report.node, report.kind, report.uid)?.tombstone !== true
}

/**
 * What the node has and nothing asks for: what its agent has no document of, and what has no resource any more. An orphan listed before
 * that the node cannot look for at the moment stays listed, with a note.
 */
export function listOrphans({ metadata, status }: ComputeNode, deps: StrayDeps): Orphans {
  const { observed } = deps.bus
  const { name: node, uid } = metadata
  const report = observed.find('node', uid, node)
  const found = report?.facts.orphans ?? []
  const strays = observed.listNode(node).filter((report) => isStray(report, deps))
  const all = [
    ...strays.map(({ kind, uid: of, namespace = '', name, versions, state }) => ({
      kind,
      uid: of,
      what: `${namespace}/${name}, ${state}, epoch ${versions.epoch}: there is no resource of it`,
    })),
    ...found.map(({ kind, uid: of, what, asOf }) => ({ kind, uid: of, what: asOf ? ofThen(what, asOf) : what })),
  ]
  const named = new Set(all.map(keyOf))
  const kept = (status?.orphans ?? []).filter(
    (orphan) =>
      !named.has(keyOf(orphan)) &&
      !isListed(report, orphan.kind) &&
      !observed.find(orphan.kind, orphan.uid, node) &&
      !findResource(orphan.kind, orphan.uid, deps.caches),
  )
  return [...all, ...kept.map((orphan) => ({ ...orphan, what: ofThen(orphan.what) }))]
    .slice(0, MOST)
    .map((orphan) => ({ ...orphan, what: orphan.what.slice(0, MOST_CHARACTERS) }))
}

const NOT_NOW = 'it cannot be looked for now)'

function ofThen(what: string, asOf = 'before'): string {
  const note = ` (seen ${asOf}; ${NOT_NOW}`
  return what.endsWith(NOT_NOW) ? what : what.slice(0, MOST_CHARACTERS - note.length) + note
}

const keyOf = ({ kind, uid }: Pick<Orphan, 'kind' | 'uid'>): string => `${kind}.${uid}`

/**
 * Sets a condition that says what the node could not look at; it does not close the node. Sets none before the agent's first list: only its
 * True says that what `status.orphans` does not name is not on the node (`kubectl nephele restore` makes nothing anew before).
 */
export function showUnlisted(computeNode: ComputeNode, { bus }: Pick<StrayDeps, 'bus'>, now: Date): void {
  const status = (computeNode.status ??= {})
  const { name, uid, generation } = computeNode.metadata
  const { orphans, unlisted = [] } = bus.observed.find('node', uid, name)?.facts ?? {}
  const set = (update: Omit<ConditionUpdate, 'type'>) =>
    (status.conditions = setCondition(status.conditions, { type: ORPHANS_LISTED, ...update }, generation, now))
  const [first] = unlisted
  if (first) {
    const message = unlisted.map(({ what, message: why }) => `${what}: ${why}`).join('; ')
    set({ status: 'False', reason: first.reason, message: `what is there without a resource is not known: ${message}` })
  } else if (orphans) {
    set({ status: 'True', reason: 'Listed', message: 'all that the node has was looked at' })
  }
}
