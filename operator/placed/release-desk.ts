// SPDX-License-Identifier: Apache-2.0
import type { ComputeNode } from '../../lib/api/types.ts'
import type { DocumentKind } from '../../lib/contract/documents.ts'

/** Something that a node may still hold although nothing in Kubernetes waits for its release any more. */
export interface Release {
  kind: DocumentKind
  uid: string
  namespace?: string
  name: string
  epoch: number
}

/** The most entries that ComputeNode.status.releases can have. */
export const MAX_RELEASES = 64

/** Does the ComputeNode's status have this release, or one of a later placement? */
export function isReleaseOnRecord(
  computeNode: ComputeNode | undefined,
  { kind, uid, epoch }: Pick<Release, 'kind' | 'uid' | 'epoch'>,
): boolean {
  const releases = computeNode?.status?.releases ?? []
  return releases.some((release) => release.kind === kind && release.uid === uid && release.epoch >= epoch)
}

/**
 * Where controllers hand over releases that a lost or silent node cannot confirm. The compute-node controller writes them into
 * ComputeNode.status.releases, where they survive a loss of NATS. The desk is in memory only: callers ask again until the status has them.
 */
export class ReleaseDesk {
  readonly #requests = new Map<string, Map<string, Release>>()
  #wake: (node: string) => void = () => undefined

  /** @returns a function that unsubscribes */
  onRequest(wake: (node: string) => void): () => void {
    this.#wake = wake
    return () => (this.#wake = () => undefined)
  }

  request(node: string, release: Release): void {
    const requests = this.#requests.get(node) ?? new Map<string, Release>()
    this.#requests.set(node, requests)
    requests.set(`${release.kind}.${release.uid}`, release)
    this.#wake(node)
  }

  /** The requests not saved yet, that is, not in the ComputeNode's stored status under the same or a later epoch. */
  listNew(node: string, stored: readonly Pick<Release, 'kind' | 'uid' | 'epoch'>[]): Release[] {
    const requests = this.#requests.get(node)
    if (!requests) return []
    for (const { kind, uid, epoch } of stored) {
      if ((requests.get(`${kind}.${uid}`)?.epoch ?? Infinity) <= epoch) requests.delete(`${kind}.${uid}`)
    }
    if (requests.size === 0) this.#requests.delete(node)
    return [...requests.values()]
  }
}
