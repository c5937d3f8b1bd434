// SPDX-License-Identifier: Apache-2.0
import type { VolumeConnection } from '../../lib/contract/documents.ts'

export type VolumeFormat = 'raw' | 'qcow2'

export interface VolumeRequest {
  /** The volume's uid; all outside names are derived from it, so that a second attempt finds the work of the first. */
  id: string
  sizeGiB: number
  format: VolumeFormat
}

export interface BackendVolume {
  id: string
  /** As the guest sees it. */
  sizeBytes: number
  format: VolumeFormat
}

export interface PoolStats {
  totalBytes: number
  freeBytes: number
}

/** A node that may open a volume, and the key that it uses: its certificate names both. */
export interface Holder {
  node: string
  /** Undefined while the node has none. */
  key: string | undefined
}

/**
 * A storage backend's operations for one pool, on the node that serves it. Every method may run twice with the same input, and after a
 * crash in the middle of an earlier run. Knows nothing of documents or Kubernetes.
 */
export interface VolumeDriver {
  readonly name: string
  /** Undefined when the backend does not know the id. */
  find(id: string, signal: AbortSignal): Promise<BackendVolume | undefined>
  list(signal: AbortSignal): Promise<BackendVolume[]>
  /**
   * Creates a volume that was never here; an existing one keeps its size.
   * @throws TerminalError when the request can never be met; TransientError VolumeDataMissing when the volume was here before and its data
   * are gone: never creates an empty one in its place
   */
  ensure(want: VolumeRequest, signal: AbortSignal): Promise<BackendVolume>
  /** Works while it is exported too. @throws TerminalError VolumeCannotShrink; TransientError PoolFull, which leaves it unchanged */
  grow(id: string, sizeGiB: number, signal: AbortSignal): Promise<BackendVolume>
  /** An absent volume is success. @throws TransientError VolumeInUse while it is exported */
  remove(id: string, signal: AbortSignal): Promise<void>
  /**
   * Makes the volume reachable for exactly these nodes: one that is no longer named is cut off at once, others go on. Restarts exports that
   * died.
   * @throws TransientError HolderKeyMissing
   */
  export(id: string, holders: readonly Holder[], signal: AbortSignal): Promise<VolumeConnection>
  /** Disconnects whoever uses it. */
  unexport(id: string, signal: AbortSignal): Promise<void>
  stats(signal: AbortSignal): Promise<PoolStats>
  /** Calls `lost` when an export ends unexpectedly, until the signal aborts. */
  watch?(lost: (id: string) => void, signal: AbortSignal): void
}
