// SPDX-License-Identifier: Apache-2.0
import type { KubeReader } from '../../lib/kube/client.ts'
import type { KubeObject, ObjectRef, ResourceKind } from '../../lib/kube/object.ts'

/** The time is over, or the object is gone. */
export class WaitError extends Error {
  override name = 'WaitError'
}

export interface Waiting<T> {
  /** Undefined: wait on. */
  isWanted: (object: T) => boolean
  /** Told at each change, for people. */
  onChange: (object: T) => void
  timeoutMs: number
  signal: AbortSignal
}

const WATCH_SECONDS = 300

/**
 * Watches one object until it is as wanted: each change is looked at once, and nothing is asked meanwhile.
 * @throws WaitError, with the object's last state left to the caller
 */
export async function waitForObject<T extends KubeObject>(
  client: KubeReader,
  { kind, ref }: { kind: ResourceKind; ref: ObjectRef },
  { isWanted, onChange, timeoutMs, signal }: Waiting<T>,
): Promise<T> {
  const ended = AbortSignal.timeout(timeoutMs)
  const either = AbortSignal.any([signal, ended])
  const scope = {
    ...(ref.namespace === undefined ? {} : { namespace: ref.namespace }),
    fieldSelector: `metadata.name=${ref.name}`,
  }
  const name = `${kind.kind} "${ref.name}"`
  try {
    for (;;) {
      const { metadata, items } = await client.listPage<T>(kind, { ...scope, signal: either })
      const [found] = items
      if (!found) throw new WaitError(`${name} is gone`)
      onChange(found)
      if (isWanted(found)) return found
      const watch = {
        ...scope,
        signal: either,
        timeoutSeconds: WATCH_SECONDS,
        idleTimeoutMs: WATCH_SECONDS * 1000 + 10_000,
      }
      for await (const event of client.watch<T>(kind, { ...watch, resourceVersion: metadata.resourceVersion })) {
        if (event.type === 'BOOKMARK') continue
        if (event.type === 'DELETED') throw new WaitError(`${name} is gone`)
        onChange(event.object)
        if (isWanted(event.object)) return event.object
      }
    }
  } catch (error) {
    if (ended.aborted) throw new WaitError(`${name} is not there yet after ${Math.round(timeoutMs / 1000)}s`)
    throw error
  }
}
