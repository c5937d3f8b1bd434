// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '../../../lib/kube/object.ts'
import { isSharedWith } from '../../kind/resolve.ts'
import { resourceKindOf, type Caches, type KindName } from '../../kind/row.ts'
import { named, type Named } from './finding.ts'

/** What a project may be told of: its own objects, and those that are shared with it. Everything else has no name. */
export class Sight {
  readonly #namespace: string
  readonly #caches: Caches

  constructor(namespace: string, caches: Caches) {
    this.#namespace = namespace
    this.#caches = caches
  }

  /** The name of an object that a trace met. */
  of(kind: KindName, uid: string | undefined): Named | undefined {
    const object = uid === undefined ? undefined : this.#caches[kind].findByUid(uid)
    return object && this.nameOf(kind, object)
  }

  nameOf(kind: KindName, object: KubeObject): Named | undefined {
    if (!this.#mayKnow(kind, object)) return undefined
    return named(resourceKindOf(kind).kind, object)
  }

  /** A Subnet is known to whom its Network is. */
  #mayKnow(kind: KindName, object: KubeObject): boolean {
    if (kind !== 'subnets') return isSharedWith(object, this.#namespace)
    const { networkRef } = object.spec as { networkRef: { name: string } }
    const network = this.#caches.networks.find(object.metadata.namespace, networkRef.name)
    return network !== undefined && isSharedWith(network, this.#namespace)
  }
}
