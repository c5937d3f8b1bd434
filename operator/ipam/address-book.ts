// SPDX-License-Identifier: Apache-2.0
import { findAddress, toText } from './address.ts'
import { claimNameOf } from './claim-name.ts'
import { FreeAddresses } from './free-addresses.ts'
import type { SubnetPlan } from './subnet-plan.ts'

export interface ClaimSubnet {
  namespace: string
  name: string
  uid: string
  plan: SubnetPlan
}

/** The port an address is for. The UID is absent while an automatic port is about to be created under its fixed name. */
export interface ClaimHolder {
  namespace: string
  name: string
  uid?: string | undefined
  /** With an automatic port: the Instance that it is made for. */
  instanceUid?: string | undefined
}

export interface ClaimRecord {
  namespace: string
  name: string
  subnetUid: string
  subnetName: string
  address: string
  holder: ClaimHolder
}

/** Where claims are kept. Creation is the compare-and-swap: exactly one creator of a name wins. */
export interface ClaimStore {
  /** @returns false when a claim of that name exists */
  create(claim: ClaimRecord): Promise<boolean>
  /** A live read, never the cache. */
  find(namespace: string, name: string): Promise<ClaimRecord | undefined>
}

export type ClaimResult =
  { ok: true; address: string } | { ok: false; reason: 'AddressInUse' | 'NoFreeAddress'; message: string }

/** Beyond this many losses in a row the book is too far behind the store: better wait for the cache than hammer the apiserver. */
const MAX_ATTEMPTS = 64

/**
 * Hands out addresses. Keeps a guess of what is free for each subnet, fed from the cache of IPClaims; the truth is the store, so
 * two books (two leaders) can disagree and still never hand out one address twice.
 */
export class AddressBook {
  readonly #store: ClaimStore
  readonly #subnets = new Map<string, FreeAddresses>()
  /** Claims by subnet UID, then address: what a subnet's bitmap is made from when first needed. */
  readonly #seen = new Map<string, Map<string, ClaimRecord>>()
  /** By holder and subnet, then address; those just won here and not in the cache yet included. */
  readonly #held = new Map<string, Map<string, ClaimRecord>>()
  #freed: (claim: ClaimRecord) => void = () => undefined

  constructor(store: ClaimStore) {
    this.#store = store
  }

  /** From the cache: this claim exists. May be told twice. */
  observe(claim: ClaimRecord): void {
    const bySubnet = this.#seen.get(claim.subnetUid) ?? new Map<string, ClaimRecord>()
    this.#seen.set(claim.subnetUid, bySubnet)
    bySubnet.set(claim.address, claim)
    this.#hold(claim)
    this.#mark(claim, (free, value) => free.take(value))
  }

  /** From the cache: this claim is gone. */
  forget(claim: ClaimRecord): void {
    const bySubnet = this.#seen.get(claim.subnetUid)
    bySubnet?.delete(claim.address)
    if (bySubnet?.size === 0) this.#seen.delete(claim.subnetUid)
    const key = holderKey(claim.subnetUid, claim.holder)
    const held = this.#held.get(key)
    held?.delete(claim.address)
    if (held?.size === 0) this.#held.delete(key)
    this.#mark(claim, (free, value) => free.giveBack(value))
    this.#freed(claim)
  }

  /** Called with each claim that is gone, once its address may be given out again. */
  onFreed(listener: (claim: ClaimRecord) => void): void {
    this.#freed = listener
  }

  /** The subnet is gone, or its plan changed. */
  forgetSubnet(subnetUid: string): void {
    this.#subnets.delete(subnetUid)
  }

  /**
   * An address for the holder: the requested one, the one it already has, or the next free one. Idempotent by holder.
   * @param requested canonical text, already checked against the plan
   */
  async claim(subnet: ClaimSubnet, holder: ClaimHolder, requested?: string): Promise<ClaimResult> {
    const held = this.#findHeld(subnet.uid, holder, requested)
    if (held) return { ok: true, address: held.address }
    if (requested !== undefined) return this.#claimRequested(subnet, holder, requested)
    const free = this.#freeOf(subnet)
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const value = free.chooseNext()
      if (value === undefined) break
      // Taken before the request leaves, so that a second claim in this process chooses another.
      free.take(value)
      const address = toText(subnet.plan.cidr.version, value)
      const claim = toClaim(subnet, holder, address)
      let won: boolean
      try {
        won = await this.#store.create(claim)
      } catch (error) {
        // Unknown outcome: what was stored comes back through the cache, or is found again by its holder.
        free.giveBack(value)
        throw error
      }
      if (won) return this.#win(claim)
    }
    return {
      ok: false,
      reason: 'NoFreeAddress',
      message: `subnet ${subnet.name} has no free address left in its pools`,
    }
  }

  /** Does the holder have this address of the subnet, or any when none is asked for? */
  has(subnetUid: string, holder: ClaimHolder, requested?: string): boolean {
    return this.#findHeld(subnetUid, holder, requested) !== undefined
  }

  #findHeld(subnetUid: string, holder: ClaimHolder, requested?: string): ClaimRecord | undefined {
    for (const claim of this.#held.get(holderKey(subnetUid, holder))?.values() ?? []) {
      if (isSameHolder(claim.holder, holder) && (requested ?? claim.address) === claim.address) return claim
    }
    return undefined
  }

  #hold(claim: ClaimRecord): void {
    const key = holderKey(claim.subnetUid, claim.holder)
    const held = this.#held.get(key) ?? new Map<string, ClaimRecord>()
    this.#held.set(key, held)
    held.set(claim.address, claim)
  }

  async #claimRequested(subnet: ClaimSubnet, holder: ClaimHolder, address: string): Promise<ClaimResult> {
    const claim = toClaim(subnet, holder, address)
    if (await this.#store.create(claim)) return this.#win(claim)
    const existing = await this.#store.find(claim.namespace, claim.name)
    if (existing && isSameHolder(existing.holder, holder)) return this.#win(claim)
    const by = existing ? ` by port ${existing.holder.namespace}/${existing.holder.name}` : ''
    return { ok: false, reason: 'AddressInUse', message: `address ${address} of subnet ${subnet.name} is taken${by}` }
  }

  #win(claim: ClaimRecord): ClaimResult {
    this.#hold(claim)
    this.#mark(claim, (free, value) => free.take(value))
    return { ok: true, address: claim.address }
  }

  #freeOf(subnet: ClaimSubnet): FreeAddresses {
    const known = this.#subnets.get(subnet.uid)
    if (known) return known
    const free = new FreeAddresses(subnet.plan)
    for (const claim of this.#seen.get(subnet.uid)?.values() ?? []) {
      const value = findAddress(claim.address)?.value
      if (value !== undefined) free.take(value)
    }
    this.#subnets.set(subnet.uid, free)
    return free
  }

  #mark(claim: ClaimRecord, change: (free: FreeAddresses, value: bigint) => void): void {
    const free = this.#subnets.get(claim.subnetUid)
    const value = findAddress(claim.address)?.value
    if (free && value !== undefined) change(free, value)
  }
}

function toClaim(subnet: ClaimSubnet, holder: ClaimHolder, address: string): ClaimRecord {
  return {
    namespace: subnet.namespace,
    name: claimNameOf(subnet.uid, address),
    subnetUid: subnet.uid,
    subnetName: subnet.name,
    address,
    holder,
  }
}

/** A name alone is enough for an automatic port: it carries its instance's identity. A known UID must agree. */
export function isSameHolder(a: ClaimHolder, b: ClaimHolder): boolean {
  if (a.namespace !== b.namespace || a.name !== b.name) return false
  return a.uid === undefined || b.uid === undefined || a.uid === b.uid
}

function holderKey(subnetUid: string, holder: ClaimHolder): string {
  return `${subnetUid}/${holder.namespace}/${holder.name}`
}
