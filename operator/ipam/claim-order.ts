// SPDX-License-Identifier: Apache-2.0
import type { BlockChange } from './block-plan.ts'
import type { BlockRef, ClaimHolder, HeldClaim } from './claim-block.ts'
import type { SubnetPlan } from './subnet-plan.ts'

export interface ClaimSubnet {
  namespace: string
  name: string
  uid: string
  plan: SubnetPlan
}

export type ClaimResult =
  { ok: true; address: string } | { ok: false; reason: 'AddressInUse' | 'NoFreeAddress'; message: string }

export interface ClaimOrder {
  kind: 'claim'
  subnet: ClaimSubnet
  holder: ClaimHolder
  requested: string | undefined
  /** The address to try: the requested one, or the next free one. */
  chosen: { address: string; block: BlockRef } | undefined
  losses: number
  settle(result: ClaimResult): void
  fail(error: unknown): void
}

export interface ReleaseOrder {
  kind: 'release'
  held: HeldClaim
  settle(): void
  fail(error: unknown): void
}

export type Order = ClaimOrder | ReleaseOrder

/** The change that the order makes to its block. */
export function toChange(order: Order): BlockChange {
  if (order.kind === 'release') return { kind: 'release', entry: order.held.entry }
  return { kind: 'claim', holder: order.holder, address: order.chosen?.address ?? '' }
}
