// SPDX-License-Identifier: Apache-2.0
import { readsOf, type KubeClient, type RequestOptions } from '../kube/client.ts'
import { StaleWriterError } from '../errors.ts'

/** The right to write, as long as the leader Lease lasts. */
export interface Fence {
  /** The Lease's transitions: every leader's is higher than those before it. */
  readonly term: number
  /** @throws StaleWriterError when the lease ran out (by the monotonic clock) or was lost */
  assertLeader(): void
  /** How long the lease is still ours beyond doubt; 0 when it is not. */
  remainingMs(): number
  /** Aborts when leadership ends: finish what is under way, begin nothing new. */
  readonly signal: AbortSignal
}

/**
 * The client with every write under the fence: leadership is asserted when a write is called and again right before it is sent, and the
 * write times out no later than the lease. What a suspended process had already handed to the kernel may still arrive late: against that,
 * updates carry the resourceVersion they were computed from, and creates have names that only one leader can take.
 */
export function fencedClient(client: KubeClient, fence: Fence): KubeClient {
  function fenced<O extends RequestOptions>(options: O | undefined): O & RequestOptions {
    fence.assertLeader()
    const timeoutMs = Math.min(options?.timeoutMs ?? 30_000, fence.remainingMs())
    if (timeoutMs <= 0) throw new StaleWriterError('the leader lease ran out')
    return { ...(options as O), timeoutMs, beforeSend: () => fence.assertLeader() }
  }
  return {
    ...readsOf(client),
    create: async (kind, object, options) => client.create(kind, object, fenced(options)),
    update: async (kind, object, options) => client.update(kind, object, fenced(options)),
    updateStatus: async (kind, object, options) => client.updateStatus(kind, object, fenced(options)),
    mergePatch: async (kind, ref, patch, options) => client.mergePatch(kind, ref, patch, fenced(options)),
    patchFinalizers: async (kind, object, list, options) => client.patchFinalizers(kind, object, list, fenced(options)),
    apply: async (kind, object, options) => client.apply(kind, object, fenced(options)),
    remove: async (kind, ref, options) => client.remove(kind, ref, fenced(options)),
  }
}

/**
 * The same right to write, except while something holds writes back; leadership itself, and so the Lease, goes on.
 * @param isHeld asked at each write, which then throws StaleWriterError
 */
export function heldFence(fence: Fence, isHeld: () => boolean): Fence {
  return {
    get term() {
      return fence.term
    },
    get signal() {
      return fence.signal
    },
    remainingMs: () => fence.remainingMs(),
    assertLeader() {
      fence.assertLeader()
      if (isHeld()) throw new StaleWriterError(HELD)
    },
  }
}

/** The error of a write that is held back. */
export const HELD = 'the store may have gone back in time: nothing is written'
