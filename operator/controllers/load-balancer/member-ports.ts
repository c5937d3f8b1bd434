// SPDX-License-Identifier: Apache-2.0
import type { ObjectKey } from '../../../lib/kube/object.ts'

/** Which balancers have a Port as a member, as they resolved it last: their status shows a part of them alone. In memory: a leader resolves all when it begins. */
export class MemberPorts {
  readonly #ofBalancer = new Map<ObjectKey, ReadonlySet<string>>()
  readonly #balancersOf = new Map<string, Set<ObjectKey>>()

  set(balancer: ObjectKey, portUids: Iterable<string>): void {
    for (const uid of this.#ofBalancer.get(balancer) ?? []) {
      const balancers = this.#balancersOf.get(uid)
      balancers?.delete(balancer)
      if (balancers?.size === 0) this.#balancersOf.delete(uid)
    }
    const uids = new Set(portUids)
    if (uids.size > 0) this.#ofBalancer.set(balancer, uids)
    else this.#ofBalancer.delete(balancer)
    for (const uid of uids) this.#balancersOf.set(uid, (this.#balancersOf.get(uid) ?? new Set()).add(balancer))
  }

  balancersOf(portUid: string): readonly ObjectKey[] {
    return [...(this.#balancersOf.get(portUid) ?? [])]
  }
}
