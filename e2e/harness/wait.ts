// SPDX-License-Identifier: Apache-2.0
// Tests wait for conditions, never for time: each wait follows a watch and ends with what was last seen.
import { findCondition } from '../../lib/conditions.ts'
import { isExpired, isTooManyRequests, isUnreachable } from '../../lib/kube/errors.ts'
import type { KubeClient } from '../../lib/kube/client.ts'
import type { CommonStatus, KubeObject, ObjectRef, ResourceKind } from '../../lib/kube/object.ts'
import { waitUntil } from '../../local/host/wait.ts'

export interface WaitOptions {
  timeoutMs?: number
  /** For the message: what the test expects. */
  what: string
}

/**
 * The object once `accept` holds of it; undefined stands for "does not exist".
 * @throws with the last seen status when timeoutMs (60 s by default) is over
 */
export async function waitForObject<T extends KubeObject>(
  client: KubeClient,
  kind: ResourceKind,
  ref: ObjectRef,
  accept: (object: T | undefined) => boolean,
  { what, timeoutMs = 60_000 }: WaitOptions,
): Promise<T | undefined> {
  const signal = AbortSignal.timeout(timeoutMs)
  let last: T | undefined
  try {
    while (!signal.aborted) {
      try {
        const page = await client.listPage<T>(kind, {
          ...(ref.namespace === undefined ? {} : { namespace: ref.namespace }),
          fieldSelector: `metadata.name=${ref.name}`,
          signal,
        })
        last = page.items[0]
        if (accept(last)) return last
        const watch = client.watch<T>(kind, {
          ...(ref.namespace === undefined ? {} : { namespace: ref.namespace }),
          fieldSelector: `metadata.name=${ref.name}`,
          resourceVersion: page.metadata.resourceVersion,
          timeoutSeconds: Math.ceil(timeoutMs / 1000),
          idleTimeoutMs: timeoutMs,
          signal,
        })
        for await (const event of watch) {
          if (event.type === 'BOOKMARK') continue
          last = event.type === 'DELETED' ? undefined : event.object
          if (accept(last)) return last
        }
      } catch (error) {
        // A test that kills the apiserver waits through it, and through its next start.
        if (signal.aborted || !(isExpired(error) || isUnreachable(error) || isTooManyRequests(error))) throw error
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
  throw new Error(`waited ${timeoutMs} ms for ${kind.kind} ${ref.name}: ${what}; last seen: ${describe(last)}`)
}

/** State and conditions in a few words, for messages. */
export function describe(object: KubeObject | undefined): string {
  if (!object) return 'nothing'
  const status = object.status as CommonStatus | undefined
  const conditions = (status?.conditions ?? []).map((c) => `${c.type}=${c.status} ${c.reason}: ${c.message}`)
  const deleting = object.metadata.deletionTimestamp ? ' (being deleted)' : ''
  return `${status?.state ?? 'no state'}${deleting} [${conditions.join('; ')}]`
}

/** Waits for Ready=True of the newest generation. */
export async function waitForReady<T extends KubeObject>(
  client: KubeClient,
  kind: ResourceKind,
  ref: ObjectRef,
  timeoutMs = 90_000,
): Promise<T> {
  const accept = (object: T | undefined) => {
    const status = object?.status as CommonStatus | undefined
    return (
      findCondition(status?.conditions, 'Ready')?.status === 'True' &&
      status?.observedGeneration === object?.metadata.generation
    )
  }
  return (await waitForObject<T>(client, kind, ref, accept, { what: 'Ready', timeoutMs })) as T
}

/** Waits until a condition has this status and, where given, reason and words in its message; gives the message. */
export async function waitForCondition(
  client: KubeClient,
  kind: ResourceKind,
  ref: ObjectRef,
  want: { type: string; status?: string; reason?: string; message?: RegExp },
  timeoutMs = 60_000,
): Promise<string> {
  const find = (object: KubeObject | undefined) => {
    const condition = findCondition((object?.status as CommonStatus | undefined)?.conditions, want.type)
    if (!condition) return undefined
    const matches =
      (want.status ?? 'True') === condition.status &&
      (want.reason ?? condition.reason) === condition.reason &&
      (want.message?.test(condition.message) ?? true)
    return matches ? condition : undefined
  }
  const what = `${want.type}=${want.status ?? 'True'} ${want.reason ?? ''} ${want.message?.source ?? ''}`
  const object = await waitForObject(client, kind, ref, (o) => find(o) !== undefined, { what, timeoutMs })
  return find(object)?.message ?? ''
}

export async function waitForGone(
  client: KubeClient,
  kind: ResourceKind,
  ref: ObjectRef,
  timeoutMs = 60_000,
): Promise<void> {
  await waitForObject(client, kind, ref, (object) => object === undefined, { what: 'gone', timeoutMs })
}

/** Polls what has no watch: a file, a process, a command in a node. @throws with the last error */
export function waitUntilTrue<T>(
  what: string,
  probe: () => Promise<T | undefined> | T | undefined,
  timeoutMs = 30_000,
): Promise<T> {
  return waitUntil(what, probe, { timeoutMs, everyMs: 50 })
}
