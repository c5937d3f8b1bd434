// SPDX-License-Identifier: Apache-2.0
import { isLaterVersion } from '../../lib/informer/resource-version.ts'
import { findAddress } from './address.ts'
import {
  holderOf,
  isSameEntry,
  isSameHolder,
  type BlockRef,
  type ClaimEntry,
  type ClaimHolder,
  type HeldClaim,
  type StoredBlock,
} from './claim-block.ts'
import { FreeAddresses } from './free-addresses.ts'
import type { SubnetPlan } from './subnet-plan.ts'
import { Listeners } from '../bus/listeners.ts'

interface KnownSubnet {
  readonly blocks: Map<string, StoredBlock>
  /** Made when an address is first wanted. */
  free?: FreeAddresses
}

/**
 * What this process knows of the claims, from the cache and from its own reads and writes: blocks by subnet, addresses by holder, and
 * a guess of what is free. The truth is the store; whatever is decided here is written under the version that it was computed from.
 */
export class KnownClaims {
  readonly #subnets = new Map<string, KnownSubnet>()
  /** By the holder's kind, namespace and name. */
  readonly #held = new Map<string, HeldClaim[]>()
  readonly #freed = new Listeners<HeldClaim>()

  /** Called with each claim that is gone, once its address may be given out again. */
  onFreed(listener: (claim: HeldClaim) => void): () => void {
    return this.#freed.add(listener)
  }

  findBlock(ref: BlockRef): StoredBlock | undefined {
    return this.#subnets.get(ref.subnetUid)?.blocks.get(ref.name)
  }

  /** Records this state of the block, unless a later one is known. Safe to repeat. */
  learn(block: StoredBlock): void {
    const known = this.findBlock(block)
    if (known && !isLaterVersion(block.metadata.resourceVersion, known.metadata.resourceVersion)) return
    this.#replace(block, known, block)
  }

  /** The block is gone, unless it has been recreated since. */
  forget(block: StoredBlock): void {
    const known = this.findBlock(block)
    if (known?.metadata.uid === block.metadata.uid) this.#replace(block, known, undefined)
  }

  /** The subnet is gone: no more addresses are handed out from it. */
  forgetSubnet(subnetUid: string): void {
    const subnet = this.#subnets.get(subnetUid)
    if (!subnet) return
    delete subnet.free
    if (subnet.blocks.size === 0) this.#subnets.delete(subnetUid)
  }

  /** All claims of the holder, in any subnet. */
  listHeld(holder: ClaimHolder): HeldClaim[] {
    return (this.#held.get(holderKey(holder)) ?? []).filter(({ entry }) => isSameHolder(holderOf(entry), holder))
  }

  freeOf(subnetUid: string, plan: SubnetPlan): FreeAddresses {
    const subnet = this.#subnetOf(subnetUid)
    if (subnet.free) return subnet.free
    const free = new FreeAddresses(plan)
    for (const { entries } of subnet.blocks.values()) for (const { address } of entries) free.take(valueOf(address))
    subnet.free = free
    return free
  }

  /** The chosen address was not claimed: it is free again, unless a known block lists it as claimed. */
  giveBack(ref: BlockRef, address: string): void {
    if (this.findBlock(ref)?.entries.some((entry) => entry.address === address)) return
    this.#subnets.get(ref.subnetUid)?.free?.giveBack(valueOf(address))
  }

  #replace(ref: BlockRef, old: StoredBlock | undefined, block: StoredBlock | undefined): void {
    const subnet = this.#subnetOf(ref.subnetUid)
    if (block) subnet.blocks.set(ref.name, block)
    else subnet.blocks.delete(ref.name)
    const [before, now] = [old?.entries ?? [], block?.entries ?? []]
    const at = refOf(ref)
    const gone = before.filter((entry) => !now.some((other) => isSameEntry(entry, other)))
    for (const entry of gone) {
      this.#unhold(ref.subnetUid, entry)
      subnet.free?.giveBack(valueOf(entry.address))
    }
    for (const entry of now) {
      if (before.some((other) => isSameEntry(entry, other))) continue
      this.#hold({ block: at, entry })
      subnet.free?.take(valueOf(entry.address))
    }
    if (subnet.blocks.size === 0 && !subnet.free) this.#subnets.delete(ref.subnetUid)
    for (const entry of gone) this.#freed.emit({ block: at, entry })
  }

  #hold(claim: HeldClaim): void {
    const key = holderKey(holderOf(claim.entry))
    const held = this.#held.get(key)
    if (held) held.push(claim)
    else this.#held.set(key, [claim])
  }

  #unhold(subnetUid: string, entry: ClaimEntry): void {
    const key = holderKey(holderOf(entry))
    const left = (this.#held.get(key) ?? []).filter(
      (claim) => claim.block.subnetUid !== subnetUid || !isSameEntry(claim.entry, entry),
    )
    if (left.length === 0) this.#held.delete(key)
    else this.#held.set(key, left)
  }

  #subnetOf(uid: string): KnownSubnet {
    const known = this.#subnets.get(uid)
    if (known) return known
    const subnet = { blocks: new Map<string, StoredBlock>() }
    this.#subnets.set(uid, subnet)
    return subnet
  }
}

/** Drops the block's content, so that a long-lived claim does not keep it in memory. */
function refOf({ namespace, name, subnetUid, subnetName, block }: BlockRef): BlockRef {
  return { namespace, name, subnetUid, subnetName, block }
}

/** Stored addresses have passed the schema; text that is not an address maps to a value outside every pool. */
function valueOf(address: string): bigint {
  return findAddress(address)?.value ?? -1n
}

function holderKey({ kind, namespace, name }: ClaimHolder): string {
  return `${kind ?? 'Port'}/${namespace}/${name}`
}
