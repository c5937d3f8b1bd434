// SPDX-License-Identifier: Apache-2.0
import { readsOf, type KubeClient } from '../kube/client.ts'
import type { KubeObject, ResourceKind } from '../kube/object.ts'

/** The same client; every object that a write returns is shown to `observe` before the caller gets it. */
export function observingClient(
  client: KubeClient,
  observe: (kind: ResourceKind, object: KubeObject) => void,
): KubeClient {
  async function seen<T extends KubeObject>(kind: ResourceKind, write: Promise<T>): Promise<T> {
    const object = await write
    observe(kind, object)
    return object
  }
  return {
    ...readsOf(client),
    create: (kind, object, options) => seen(kind, client.create(kind, object, options)),
    update: (kind, object, options) => seen(kind, client.update(kind, object, options)),
    updateStatus: (kind, object, options) => seen(kind, client.updateStatus(kind, object, options)),
    mergePatch: (kind, ref, patch, options) => seen(kind, client.mergePatch(kind, ref, patch, options)),
    patchFinalizers: (kind, object, list, options) => seen(kind, client.patchFinalizers(kind, object, list, options)),
    apply: (kind, object, options) => seen(kind, client.apply(kind, object, options)),
    remove: (kind, ref, options) => client.remove(kind, ref, options),
  }
}
