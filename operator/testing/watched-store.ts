// SPDX-License-Identifier: Apache-2.0
import type { KubeObject, ResourceKind } from '../../lib/kube/object.ts'
import type { ChangeHandler, Informer } from '../../lib/informer/informer.ts'
import { ObjectStore, type Change } from '../../lib/informer/store.ts'

/** A cache that notifies of its changes, as an informer does. For tests. */
export class WatchedStore extends ObjectStore<KubeObject> {
  readonly #handlers = new Set<ChangeHandler<KubeObject>>()

  override put(object: KubeObject, force = false): Change<KubeObject> | undefined {
    return this.#tell(super.put(object, force))
  }

  override remove(key: string, uid: string): Change<KubeObject> | undefined {
    return this.#tell(super.remove(key, uid))
  }

  asInformer(kind: ResourceKind): Informer {
    return {
      kind,
      cache: this,
      synced: true,
      whenSynced: async () => undefined,
      onChange: (handler) => {
        this.#handlers.add(handler)
        for (const object of this.list()) handler({ old: undefined, object })
        return () => void this.#handlers.delete(handler)
      },
    }
  }

  #tell(change: Change<KubeObject> | undefined): Change<KubeObject> | undefined {
    if (change) for (const handler of [...this.#handlers]) handler(change)
    return change
  }
}
