// SPDX-License-Identifier: Apache-2.0
import { TransientError } from '../../lib/errors.ts'
import type { KubeClient } from '../../lib/kube/client.ts'
import { isConflict, isNotFound } from '../../lib/kube/errors.ts'
import type { KubeObject, ObjectRef, ResourceKind } from '../../lib/kube/object.ts'

/** Which range somebody has, as it stands in `status.allocations` of what gave it. */
export interface Allocation {
  cidr: string
  /** namespace/name */
  holder: string
  holderUID: string
}

/** What an order makes of the object as the store has it: its next status, or none when nothing changes, and the answer to who asked. */
export interface Decision<T extends KubeObject, A> {
  status?: T['status']
  answer: A
}

interface Order {
  decide: (object: KubeObject) => Decision<KubeObject, unknown>
  settle: (answer: unknown) => void
  fail: (error: unknown) => void
}

/** After this many lost races it is better to come again later than to hammer the apiserver. */
const MOST_LOSSES = 64

/**
 * Gives ranges out of the status of an object, a SubnetPool or an AddressScope. Every decision is made on what the store holds, and its
 * write takes effect only if that is still what the store holds (resourceVersion): of two leaders one has a range. What comes while a write
 * is under way goes out together with the next one. A write whose answer is lost fails its orders: the next attempt finds what is there.
 */
export class RangeBook {
  readonly #client: Pick<KubeClient, 'find' | 'updateStatus'>
  /** By kind and key; an entry is being worked on. */
  readonly #waiting = new Map<string, Order[]>()

  /** @param client fenced, and observed by the caches */
  constructor(client: Pick<KubeClient, 'find' | 'updateStatus'>) {
    this.#client = client
  }

  /**
   * @param decide pure: it is asked again whenever somebody else has written
   * @returns undefined when there is no such object
   */
  change<T extends KubeObject, A>(
    kind: ResourceKind,
    ref: ObjectRef,
    decide: (object: T) => Decision<T, A>,
  ): Promise<A | undefined> {
    return new Promise<A | undefined>((settle, fail) => {
      const order = { decide, settle, fail } as unknown as Order
      const key = `${kind.plural}/${ref.namespace ?? ''}/${ref.name}`
      const waiting = this.#waiting.get(key)
      if (waiting) waiting.push(order)
      else {
        this.#waiting.set(key, [order])
        void this.#work(key, kind, ref)
      }
    })
  }

  async #work(key: string, kind: ResourceKind, ref: ObjectRef): Promise<void> {
    for (;;) {
      const orders = this.#waiting.get(key)?.splice(0) ?? []
      if (orders.length === 0) break
      try {
        const answers = await this.#commit(kind, ref, orders)
        for (const [i, order] of orders.entries()) order.settle(answers?.[i])
      } catch (error) {
        for (const order of orders) order.fail(error)
      }
    }
    this.#waiting.delete(key)
  }

  async #commit(kind: ResourceKind, ref: ObjectRef, orders: readonly Order[]): Promise<unknown[] | undefined> {
    for (let losses = 0; losses < MOST_LOSSES; losses++) {
      const live = await this.#client.find(kind, ref)
      if (!live) return undefined
      let object = live
      const answers = orders.map(({ decide }) => {
        const { status, answer } = decide(object)
        if (status !== undefined) object = { ...object, status }
        return answer
      })
      if (object === live || (await this.#write(kind, object))) return answers
    }
    const message = `ranges of ${kind.kind} ${ref.name} change faster than one can be claimed: it is tried again`
    throw new TransientError('AddressContention', message)
  }

  /** @returns false: somebody else has written, or removed it */
  async #write(kind: ResourceKind, object: KubeObject): Promise<boolean> {
    try {
      await this.#client.updateStatus(kind, object)
      return true
    } catch (error) {
      if (isConflict(error) || isNotFound(error)) return false
      throw error
    }
  }
}
