// SPDX-License-Identifier: Apache-2.0
import { TransientError } from '../../lib/errors.ts'
import { mayHaveHappened } from '../../lib/kube/errors.ts'
import { planBlock, type BlockPlan } from './block-plan.ts'
import { findAddress, toText } from './address.ts'
import {
  blockOf,
  describeHolder,
  holderOf,
  isSameEntry,
  isSameHolder as isSame,
  type BlockRef,
  type ClaimHolder,
  type HeldClaim,
  type StoredBlock,
} from './claim-block.ts'
import {
  toChange,
  type ClaimOrder,
  type ClaimResult,
  type ClaimSubnet,
  type Order,
  type ReleaseOrder,
} from './claim-order.ts'
import type { ClaimStore } from './claim-store.ts'
import type { Gathering } from './gathering.ts'
import type { KnownClaims } from './known-claims.ts'

interface Placed {
  order: Order
  ref: BlockRef
}

/** After this many lost races the process is too far behind the store: better to wait for the cache than to hammer the apiserver. */
const MOST_LOSSES = 64
/** How many times a write may go unanswered before its orders fail. */
const MOST_UNKNOWN = 3

/**
 * The claims and releases of one subnet, one write at a time: orders that arrive during a write, or under load, are batched into
 * the next one. Each order gets its own result; one that cannot be met does not fail the others in its write.
 */
export class ClaimQueue {
  readonly #store: ClaimStore
  readonly #known: KnownClaims
  readonly #orders: Order[] = []
  /** Blocks whose last write may or may not have taken effect, with the addresses tried. Reread before anything else is decided. */
  readonly #doubts = new Map<string, { ref: BlockRef; addresses: string[] }>()
  readonly #releasing = new Set<ReleaseOrder>()
  readonly #gathering: Gathering
  #isRunning = false

  constructor(store: ClaimStore, known: KnownClaims, gathering: Gathering) {
    this.#store = store
    this.#known = known
    this.#gathering = gathering
  }

  /** The requested address; otherwise the one the holder already has when the order is processed, or the next free one. */
  claim(subnet: ClaimSubnet, holder: ClaimHolder, requested: string | undefined): Promise<ClaimResult> {
    return new Promise((settle, fail) => {
      this.#add({ kind: 'claim', subnet, holder, requested, chosen: undefined, losses: 0, settle, fail })
    })
  }

  /** Resolves once the store no longer holds exactly this claim. */
  release(held: HeldClaim): Promise<void> {
    return new Promise((settle, fail) => {
      const order: ReleaseOrder = { kind: 'release', held, settle, fail }
      this.#releasing.add(order)
      this.#add(order)
    })
  }

  /** A claim that the holder certainly has in this subnet and is not releasing. */
  findHeld(subnetUid: string, holder: ClaimHolder, requested: string | undefined): HeldClaim | undefined {
    const isIt = ({ block, entry }: HeldClaim) =>
      block.subnetUid === subnetUid && (requested === undefined || entry.address === requested)
    return this.#known
      .listHeld(holder)
      .find((held) => isIt(held) && !this.#doubts.has(held.block.name) && !this.#isReleasing(held))
  }

  #isReleasing(held: HeldClaim): boolean {
    for (const order of this.#releasing) if (isSameEntry(order.held.entry, held.entry)) return true
    return false
  }

  #add(order: Order): void {
    this.#orders.push(order)
    if (this.#isRunning) return
    this.#isRunning = true
    void this.#run()
  }

  async #run(): Promise<void> {
    try {
      while (this.#orders.length > 0) {
        await this.#gathering.pause()
        if (!(await this.#settleDoubts())) continue
        const next = this.#takeNext()
        if (!next) continue
        const begunMs = this.#gathering.nowMs()
        await this.#commit(next.ref, next.orders)
        this.#gathering.wrote({ begunMs, isShared: next.orders.length > 1 || this.#orders.length > 0 })
      }
    } finally {
      // In the same tick: an order added in between would never be processed.
      this.#isRunning = false
    }
  }

  /** All orders for the oldest order's block: they go out in one write. */
  #takeNext(): { ref: BlockRef; orders: Order[] } | undefined {
    const open: Placed[] = []
    for (const order of this.#orders.splice(0)) {
      const ref = order.kind === 'release' ? order.held.block : this.#choose(order, open)
      if (ref) open.push({ order, ref })
    }
    const ref = open[0]?.ref
    if (!ref) return undefined
    const isNow = (placed: Placed) => placed.ref.name === ref.name
    this.#orders.push(...open.filter((placed) => !isNow(placed)).map(({ order }) => order))
    return { ref, orders: open.filter(isNow).map(({ order }) => order) }
  }

  /** Chooses an address for the order to try, unless it can be settled at once. */
  #choose(order: ClaimOrder, open: readonly Placed[]): BlockRef | undefined {
    if (order.chosen) return order.chosen.block
    const { subnet, holder, requested } = order
    const held = this.findHeld(subnet.uid, holder, requested)
    if (held) {
      order.settle({ ok: true, address: held.entry.address })
      return undefined
    }
    // Two identical requests at once get the same address.
    const twin = open.find(
      ({ order: o }) => o.kind === 'claim' && requested === o.requested && isSame(o.holder, holder),
    )
    if (twin?.order.kind === 'claim' && twin.order.chosen) {
      order.chosen = twin.order.chosen
      return twin.ref
    }
    const free = this.#known.freeOf(subnet.uid, subnet.plan)
    const value = requested === undefined ? free.chooseNext() : findAddress(requested)?.value
    if (value === undefined) {
      const message = `subnet ${subnet.name} has no free address left in its pools`
      order.settle({ ok: false, reason: 'NoFreeAddress', message })
      return undefined
    }
    // Taken before the request leaves, so that no other order of this process chooses it.
    free.take(value)
    const address = toText(subnet.plan.cidr.version, value)
    order.chosen = { address, block: blockOf(subnet, address) }
    return order.chosen.block
  }

  /** Writes the orders into the block: based on the known state first, then on live reads. */
  async #commit(ref: BlockRef, orders: readonly Order[]): Promise<void> {
    let base = this.#known.findBlock(ref)
    let isLive = false
    let unknown = 0
    for (let attempt = 0; attempt < MOST_LOSSES; attempt++) {
      const plan = planBlock(base?.entries ?? [], orders.map(toChange))
      try {
        if (await this.#write(ref, base, plan, isLive)) {
          this.#settle(orders, plan)
          return
        }
      } catch (error) {
        if (mayHaveHappened(error)) unknown++
        if (unknown >= MOST_UNKNOWN || !mayHaveHappened(error)) {
          this.#fail(ref, orders, error, unknown > 0)
          return
        }
      }
      try {
        base = await this.#readLive(ref)
        isLive = true
      } catch (error) {
        this.#fail(ref, orders, error, unknown > 0)
        return
      }
    }
    this.#fail(ref, orders, contention(ref.subnetName), unknown > 0)
  }

  /** @returns whether the plan stands; if not, it has to be recomputed from a live read */
  async #write(ref: BlockRef, base: StoredBlock | undefined, plan: BlockPlan, isLive: boolean): Promise<boolean> {
    // A write proves that its base was current. Without one, only a live read can say that an address is taken.
    if (plan.isUnchanged) return isLive || plan.takenBy.every((by) => by === undefined)
    const written = await this.#store.write(ref, base, plan.entries)
    if (written.kind === 'stored') this.#known.learn(written.block)
    if (written.kind === 'removed' && base) this.#known.forget(base)
    return written.kind !== 'conflict'
  }

  /** The block as the store has it now, which the caches may not have seen yet. */
  async #readLive(ref: BlockRef): Promise<StoredBlock | undefined> {
    const before = this.#known.findBlock(ref)
    const live = await this.#store.find(ref)
    if (live) this.#known.learn(live)
    else if (before) this.#known.forget(before)
    return live
  }

  #settle(orders: readonly Order[], { takenBy }: BlockPlan): void {
    for (const [i, order] of orders.entries()) {
      if (order.kind === 'release') {
        this.#releasing.delete(order)
        order.settle()
        continue
      }
      const { chosen, subnet, requested } = order
      const by = takenBy[i]
      if (!by) order.settle({ ok: true, address: chosen?.address ?? '' })
      else if (requested === undefined) this.#chooseAgain(order)
      else {
        const message = `address ${requested} of subnet ${subnet.name} is taken by ${nameFor(order, holderOf(by))}`
        order.settle({ ok: false, reason: 'AddressInUse', message })
      }
    }
  }

  #chooseAgain(order: ClaimOrder): void {
    order.chosen = undefined
    if (++order.losses < MOST_LOSSES) this.#orders.unshift(order)
    else order.fail(contention(order.subnet.name))
  }

  /** @param isUnknown whether the write may have taken effect: the block is then reread before its addresses are used again */
  #fail(ref: BlockRef, orders: readonly Order[], error: unknown, isUnknown: boolean): void {
    const doubt = this.#doubts.get(ref.name) ?? { ref, addresses: [] }
    if (isUnknown) this.#doubts.set(ref.name, doubt)
    for (const order of orders) {
      if (order.kind === 'release') this.#releasing.delete(order)
      else if (order.chosen && isUnknown) doubt.addresses.push(order.chosen.address)
      else if (order.chosen) this.#known.giveBack(ref, order.chosen.address)
      order.fail(error)
    }
  }

  /** @returns false when the store does not answer; all waiting orders have then failed */
  async #settleDoubts(): Promise<boolean> {
    for (const { ref, addresses } of [...this.#doubts.values()]) {
      try {
        await this.#readLive(ref)
      } catch (error) {
        for (const order of this.#orders.splice(0)) {
          const block = order.kind === 'release' ? order.held.block : (order.chosen?.block ?? ref)
          this.#fail(block, [order], error, false)
        }
        return false
      }
      this.#doubts.delete(ref.name)
      for (const address of addresses) this.#known.giveBack(ref, address)
    }
    return true
  }
}

function contention(subnetName: string): TransientError {
  const message = `addresses of subnet ${subnetName} are taken faster than they can be claimed: it is tried again`
  return new TransientError('AddressContention', message)
}

/** Whoever asks in his own namespace, or owns the Subnet, is told who has an address; to others it says nothing of third parties. */
function nameFor({ subnet, holder }: ClaimOrder, by: ClaimHolder): string {
  const mayKnow = holder.namespace === by.namespace || holder.namespace === subnet.namespace
  return mayKnow ? describeHolder(by) : 'another namespace'
}
