// SPDX-License-Identifier: Apache-2.0
import { CONTRACT_VERSION, type DocumentKind, type Tombstone } from '../../lib/contract/documents.ts'
import type { Versions } from '../../lib/contract/versions.ts'
import type { KubeObject } from '../../lib/kube/object.ts'

export type WriterVersions = Pick<Versions, 'incarnation' | 'term'>

/** The part that every document has. */
export function headerOf(object: KubeObject, node: string, epoch: number, writer: WriterVersions) {
  const { uid, namespace, name, generation } = object.metadata
  return {
    v: CONTRACT_VERSION,
    uid,
    node,
    ...(namespace === undefined ? {} : { namespace }),
    name,
    versions: { incarnation: writer.incarnation, term: writer.term, epoch, generation: generation ?? 0 },
  } as const
}

export function tombstoneOf(
  kind: DocumentKind,
  object: KubeObject,
  node: string,
  epoch: number,
  writer: WriterVersions,
): Tombstone {
  return { ...headerOf(object, node, epoch, writer), kind, tombstone: true }
}
