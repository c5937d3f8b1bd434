// SPDX-License-Identifier: Apache-2.0
// What machines hold in the scheduler's memory, kept as it is stored: what was assumed and could not be written is given back, and whoever waits
// for room hears of it.
import type { Instance } from '../../../lib/api/types.ts'
import { amountsOf, fitsIn, largerAmounts, sizeWithDefaults } from '../../scheduler/amounts.ts'
import type { Claim } from '../../scheduler/scheduler.ts'
import type { OperatorDeps } from './deps.ts'

type ClaimDeps = Pick<OperatorDeps, 'scheduler' | 'waitingRoom' | 'claimedNodes'>

/** What the stored machine holds on its node: until its next start, room for the size that it has and the one that it gets. */
export function claimOf(instance: Instance): Claim {
  const { node, flavor, nextFlavor } = instance.status ?? {}
  if (node === undefined || !flavor) return []
  const now = amountsOf(sizeWithDefaults(flavor))
  return [{ node, amounts: nextFlavor ? largerAmounts(now, amountsOf(sizeWithDefaults(nextFlavor))) : now }]
}

/** Who waits for room hears that a machine gives some back, against what it had before. */
export function tellFreed(uid: string, before: Claim, deps: ClaimDeps): void {
  const after = deps.scheduler.findClaim(uid) ?? []
  const freed = before.filter(({ node, amounts }) => !after.some((a) => a.node === node && fitsIn(amounts, a.amounts)))
  for (const { node } of freed) deps.claimedNodes.changed(node)
  if (freed.length > 0) deps.waitingRoom.wakeAll()
}

/**
 * A run begins with what is stored: a size that it claimed before and could not write is no claim. A run that leaves a machine without a
 * place, which had none before, leaves no claim of an earlier one.
 */
export async function claimingRun<T>(instance: Instance, deps: ClaimDeps, run: () => Promise<T>): Promise<T> {
  const { scheduler } = deps
  const { uid } = instance.metadata
  const before = scheduler.findClaim(uid) ?? []
  const wasPlaced = instance.status?.node !== undefined
  scheduler.confirm(uid, claimOf(instance))
  try {
    return await run()
  } finally {
    if (!wasPlaced && instance.status?.node === undefined) scheduler.forget(uid)
    tellFreed(uid, before, deps)
  }
}
