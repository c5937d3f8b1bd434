// SPDX-License-Identifier: Apache-2.0
import { systemClock, type Clock } from '../../lib/time/clock.ts'
import type { ClaimHolder, HeldClaim, StoredBlock } from './claim-block.ts'
import type { ClaimResult, ClaimSubnet } from './claim-order.ts'
import { ClaimQueue } from './claim-queue.ts'
import type { ClaimStore } from './claim-store.ts'
import { Gathering } from './gathering.ts'
import { KnownClaims } from './known-claims.ts'

/**
 * Hands out addresses and takes them back. Keeps a guess of what is free for each subnet, fed from the cache of IPClaims; the truth is
 * the store, so two books (two leaders) can disagree and still never hand out one address twice.
 */
export class AddressBook {
  readonly #store: ClaimStore
  readonly #clock: Clock
  readonly #known = new KnownClaims()
  /** By subnet UID. */
  readonly #queues = new Map<string, ClaimQueue>()

  /** @param clock times the pauses that batch claims */
  constructor(store: ClaimStore, clock: Clock = systemClock) {
    this.#store = store
    this.#clock = clock
  }

  /** The cache reports this state of the block. Safe to repeat. */
  observe(block: StoredBlock): void {
    this.#known.learn(block)
  }

  /** The cache reports that this block is gone. */
  forget(block: StoredBlock): void {
    this.#known.forget(block)
  }

  /** Called with each claim that is gone, once its address may be given out again. */
  onFreed(listener: (claim: HeldClaim) => void): () => void {
    return this.#known.onFreed(listener)
  }

  /** The subnet is gone. */
  forgetSubnet(subnetUid: string): void {
    this.#known.forgetSubnet(subnetUid)
    this.#queues.delete(subnetUid)
  }

  /**
   * An address for the holder: the requested one, the one it already has, or the next free one. Idempotent by holder.
   * @param requested canonical text, already checked against the plan
   * @throws the store's error; if the claim was stored all the same, a later attempt finds it
   */
  async claim(subnet: ClaimSubnet, holder: ClaimHolder, requested?: string): Promise<ClaimResult> {
    const queue = this.#queueOf(subnet.uid)
    const held = queue.findHeld(subnet.uid, holder, requested)
    return held ? { ok: true, address: held.entry.address } : queue.claim(subnet, holder, requested)
  }

  /** Does the holder have this address of the subnet, or any when none is asked for? */
  has(subnetUid: string, holder: ClaimHolder, requested?: string): boolean {
    return this.#queueOf(subnetUid).findHeld(subnetUid, holder, requested) !== undefined
  }

  /** All claims of the holder, in any subnet. */
  listHeld(holder: ClaimHolder): HeldClaim[] {
    return this.#known.listHeld(holder)
  }

  /** Releases exactly these claims, ignoring any that are gone or reassigned by now. Resolves once the store has none of them. */
  async release(claims: readonly HeldClaim[]): Promise<void> {
    await Promise.all(claims.map((held) => this.#queueOf(held.block.subnetUid).release(held)))
  }

  #queueOf(subnetUid: string): ClaimQueue {
    const known = this.#queues.get(subnetUid)
    if (known) return known
    const queue = new ClaimQueue(this.#store, this.#known, new Gathering(this.#clock))
    this.#queues.set(subnetUid, queue)
    return queue
  }
}
