// SPDX-License-Identifier: Apache-2.0
import type { ComputeNode } from '../../lib/api/types.ts'
import type { DocumentKind } from '../../lib/contract/documents.ts'

/** What a node still holds although nothing in Kubernetes may wait for it any longer. */
export interface Release {
  kind: DocumentKind
  uid: string
  namespace?: string
  name: string
  epoch: number
}

/** As many as ComputeNode.status.releases holds. */
export const MAX_RELEASES = 64

/** Does the node's resource keep this release, or that of a later placement? */
export function isReleaseOnRecord(
  computeNode: ComputeNode | undefined,
  { kind, uid, epoch }: Pick<Release, 'kind' | 'uid' | 'epoch'>,
): boolean {
  const releases = computeNode?.status?.releases ?? []
  return releases.some((release) => release.kind === kind && release.uid === uid && release.epoch >= epoch)
}

/**
 * Where controllers hand over releases that a lost or silent node cannot acknowledge; the compute-node controller writes them into
 * ComputeNode.status.releases, so that they survive the loss of NATS. In memory only: callers ask again until the status has it.
 */
export class ReleaseDesk {
  readonly #requests = new Map<string, Map<string, Release>>()
  #wake: (node: string) => void = () => undefined

  /** @returns ends that */
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

  /** Those that are not written yet: asked for, and not among what the ComputeNode's stored status holds under this epoch or a newer. */
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
