// SPDX-License-Identifier: Apache-2.0
import type { ComputeNode } from '../../../lib/api/types.ts'
import type { ObservedDocument } from '../../../lib/contract/documents.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { findResource } from '../common/newer-facts.ts'

type StrayDeps = Pick<OperatorDeps, 'bus' | 'caches'>
type Orphans = NonNullable<NonNullable<ComputeNode['status']>['orphans']>

const MOST = 32
const MOST_CHARACTERS = 255

/** Does a node have something of which there is no resource, and that nobody told it to let go? A cached image is only a copy. */
export function isStray(word: ObservedDocument | undefined, { bus, caches }: StrayDeps): boolean {
  if (!word || word.state === 'gone' || word.kind === 'node' || word.kind === 'image') return false
  if (findResource(word.kind, word.uid, caches)) return false
  return bus.desired.find(word.node, word.kind, word.uid)?.tombstone !== true
}

/** What the node has and nothing asks for: what the agent itself has no document of, and what lost its resource. For people. */
export function listOrphans(node: string, uid: string, deps: StrayDeps): Orphans {
  const { observed } = deps.bus
  const found = observed.find('node', uid, node)?.facts.orphans ?? []
  const strays = observed.listNode(node).filter((word) => isStray(word, deps))
  const all = [
    ...strays.map(({ kind, uid: of, namespace = '', name, versions, state }) => ({
      kind,
      uid: of,
      what: `${namespace}/${name}, ${state}, epoch ${versions.epoch}: there is no resource of it`,
    })),
    ...found.map(({ kind, uid: of, what }) => ({ kind, uid: of, what })),
  ]
  return all.slice(0, MOST).map((orphan) => ({ ...orphan, what: orphan.what.slice(0, MOST_CHARACTERS) }))
}
