// SPDX-License-Identifier: Apache-2.0
// Keeps machines' claims in the scheduler in line with what is stored: a claim that could not be written is given back, and machines that
// wait for room are woken.
import type { Instance } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import {
  amountsOf,
  fitsIn,
  largerAmounts,
  sizeWithDefaults,
  toPortAmounts,
  type PortAmounts,
} from '../../scheduler/nodes/amounts.ts'
import { inGroup, type Claim } from '../../scheduler/scheduler.ts'
import type { OperatorDeps } from './deps.ts'
import { numaPlacementOf, onCellsBy } from './numa-topology.ts'
import { groupKeyOf } from './server-group-key.ts'

type ClaimDeps = Pick<OperatorDeps, 'scheduler' | 'waitingRoom' | 'claimedNodes'>

/** What the stored machine claims on its node: until its next start, room for both its present and its next size. */
export function claimOf(instance: Instance): Claim {
  const { node, flavor, nextFlavor } = instance.status ?? {}
  if (node === undefined || !flavor) return []
  const numa = numaPlacementOf(instance)
  const onCells = onCellsBy(numa)
  const now = amountsOf(sizeWithDefaults(flavor), onCells)
  const room = nextFlavor ? largerAmounts(now, amountsOf(sizeWithDefaults(nextFlavor), onCells)) : now
  return [
    {
      ...{ node, amounts: { ...room, ...portAmountsOf(instance) } },
      ...(numa ? { numa } : {}),
      ...inGroup(groupKeyOf(instance)),
      ...(isBuilding(instance) ? { isBuilding: true } : {}),
    },
  ]
}

/** Its node has something to do for it that takes disk and network: it is not yet there, or on its way between two run states. */
function isBuilding({ status }: Instance): boolean {
  const booted = findCondition(status?.conditions, 'Booted')
  return booted === undefined || booted.reason === 'PowerChanging'
}

/** What it claims for its Ports, by its status. */
export function portAmountsOf({ status }: Instance): PortAmounts {
  const { bandwidth, pciDevices } = status ?? {}
  return toPortAmounts(
    bandwidth &&
      Object.fromEntries(
        bandwidth.map(({ physicalNetwork, egressKbps, ingressKbps }) => [physicalNetwork, { egressKbps, ingressKbps }]),
      ),
    pciDevices &&
      Object.fromEntries(
        pciDevices.map(({ physicalNetwork, direct, macvtap }) => [physicalNetwork, { direct, macvtap }]),
      ),
  )
}

/** Wakes the machines that wait for room if this one claims less than `before`. */
export function tellFreed(uid: string, before: Claim, deps: ClaimDeps): void {
  const after = deps.scheduler.findClaim(uid) ?? []
  const freed = before.filter(({ node, amounts }) => !after.some((a) => a.node === node && fitsIn(amounts, a.amounts)))
  for (const { node } of freed) deps.claimedNodes.changed(node)
  if (freed.length > 0) deps.waitingRoom.wakeAll()
}

/**
 * A run starts from the stored claim: a claim that an earlier run made and could not write is dropped. If the machine has no place before
 * and after the run, no claim is left.
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
