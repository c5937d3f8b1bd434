// SPDX-License-Identifier: Apache-2.0
import { readsOf, type KubeClient } from '../../lib/kube/client.ts'
import { UnreachableError } from '../../lib/kube/errors.ts'

export interface CrashPoint {
  /** The write, counted from 1, at which the process dies. */
  write: number
  /** Before the write is sent, or after it took effect and before its answer arrives. */
  when: 'before' | 'after'
}

/** A client whose process dies at the given write: `onCrash` is called and no later write gets out. Reads are not affected. */
export function crashingClient(client: KubeClient, point: CrashPoint, onCrash: () => void): KubeClient {
  let writes = 0
  const crash = (): never => {
    onCrash()
    throw new UnreachableError('write', new Error('this process was killed by the test'))
  }
  async function write<T>(send: () => Promise<T>): Promise<T> {
    writes++
    if (writes > point.write || (writes === point.write && point.when === 'before')) return crash()
    const answer = await send()
    return writes >= point.write ? crash() : answer
  }
  return {
    ...readsOf(client),
    create: (kind, object, options) => write(() => client.create(kind, object, options)),
    update: (kind, object, options) => write(() => client.update(kind, object, options)),
    updateStatus: (kind, object, options) => write(() => client.updateStatus(kind, object, options)),
    mergePatch: (kind, ref, patch, options) => write(() => client.mergePatch(kind, ref, patch, options)),
    patchFinalizers: (kind, object, list, options) => write(() => client.patchFinalizers(kind, object, list, options)),
    apply: (kind, object, options) => write(() => client.apply(kind, object, options)),
    remove: (kind, ref, options) => write(() => client.remove(kind, ref, options)),
  }
}
