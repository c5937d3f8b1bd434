// SPDX-License-Identifier: Apache-2.0
import { DOCUMENT_KINDS, type DocumentKind } from '../../lib/contract/documents.ts'
import type { DocumentKey } from '../../lib/contract/subjects.ts'
import type { KubeObject } from '../../lib/kube/object.ts'
import type { Writer } from '../bus/bus.ts'
import type { OperatorDeps } from '../controllers/common/deps.ts'
import type { TombstoneCollector } from '../placed/tombstone-collector.ts'
import { lookAgain, type Controllers } from './look-again.ts'
import { informerOf, type OperatorInformers } from '../kind/row.ts'
import { findResource, KIND_OF_DOCUMENT } from '../kind/document-kinds.ts'

interface Watched {
  watched: OperatorInformers
  collector: TombstoneCollector
  /** Returns undefined once this leadership is over: nothing is looked at after that. */
  writer: Writer
}

/**
 * Feeds the regression guard every change in the resources and in what nodes report of them, and requeues everything when the guard
 * stops holding. The guard has looked at everything when this returns: call it before any controller runs.
 * @returns a function that stops it
 */
export function watchRegression(
  deps: OperatorDeps,
  controllers: Controllers,
  { watched, collector, writer }: Watched,
): () => void {
  const { regression, bus, caches } = deps
  lookAtAll()
  let begun = false
  const follow = (kind: DocumentKind) => (change: { old: KubeObject | undefined; object: KubeObject | undefined }) => {
    if (!begun) return
    const uids = new Set([change.old?.metadata.uid, change.object?.metadata.uid])
    for (const uid of uids) if (uid !== undefined) consider({ kind, uid })
  }
  const ends = [
    ...DOCUMENT_KINDS.map((kind) => informerOf(KIND_OF_DOCUMENT[kind], watched).onChange(follow(kind))),
    bus.observed.onChange(heard),
    bus.desired.onDrift(consider),
    bus.desired.onReset(lookAtAll),
    regression.onFreed(() => {
      const now = writer()
      if (!now || regression.isHolding(now)) return
      lookAgain(controllers, collector)
    }),
  ]
  begun = true
  return () => {
    for (const end of ends) end()
  }

  function lookAtAll(): void {
    const now = writer()
    if (now) regression.lookAtAll(now)
  }

  function consider({ kind, uid }: Pick<DocumentKey, 'kind' | 'uid'>): void {
    const now = writer()
    if (now) regression.consider(kind, uid, now)
  }

  /** A node's report disappears only when it is withdrawn together with its document. */
  function heard({ kind, uid, node }: DocumentKey): void {
    if (bus.observed.find(kind, uid, node)) consider({ kind, uid })
    else if (!findResource(kind, uid, caches)) regression.forget(kind, uid)
  }
}
