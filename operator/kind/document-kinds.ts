// SPDX-License-Identifier: Apache-2.0
// Which kinds have documents on nodes, as the rows say.
import { DOCUMENT_KINDS, type DocumentKind } from '../../lib/contract/documents.ts'
import type { KubeObject, ResourceKind } from '../../lib/kube/object.ts'
import { KIND_NAMES, KINDS } from '../kinds.ts'
import { cacheOf, resourceKindOf, type Caches, type KindName } from './row.ts'

function isAbout(name: KindName, kind: DocumentKind): boolean {
  return KINDS[name].document === kind || KINDS[name].alsoDocument === kind
}

export const KIND_OF_DOCUMENT = Object.fromEntries(
  DOCUMENT_KINDS.map((kind) => {
    const name = KIND_NAMES.find((name) => isAbout(name, kind))
    if (name === undefined) throw new Error(`no row of operator/kinds.ts has document: '${kind}'`)
    return [kind, name]
  }),
) as Readonly<Record<DocumentKind, KindName>>

/** The kind of the resource that the document is about. */
export function resourceKindOfDocument(kind: DocumentKind): ResourceKind {
  return resourceKindOf(KIND_OF_DOCUMENT[kind])
}

/** The resource that a document is about. */
export function findResource(kind: DocumentKind, uid: string, caches: Caches): KubeObject | undefined {
  return cacheOf(KIND_OF_DOCUMENT[kind], caches).findByUid(uid)
}
