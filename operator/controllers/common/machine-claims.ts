// SPDX-License-Identifier: Apache-2.0
// Keeps machines' claims in the scheduler in line with what is stored: a claim that could not be written is given back, and machines that
// wait for room are woken.
import type { Instance } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import { keyOfRef } from '../../../lib/kube/object.ts'
import {
  amountsOf,
  largerAmounts,
  sizeWithDefaults,
  toPortAmounts,
  type PortAmounts,
} from '../../scheduler/nodes/amounts.ts'
import { claimTurns } from '../../scheduler/claim-turns.ts'
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

/** Wakes the machines that may have been waiting for it when this one claims something else than `before`. */
export function tellClaim({ metadata }: Pick<Instance, 'metadata'>, before: Claim, deps: ClaimDeps): void {
  const { scheduler, waitingRoom, claimedNodes } = deps
  const { nodes, groups, hasMoved } = claimTurns(before, scheduler.findClaim(metadata.uid) ?? [])
  if (nodes.size === 0 && !hasMoved && groups.length === 0) return
  for (const [node, turns] of nodes) {
    if (turns.includes('freed')) claimedNodes.changed(node)
    waitingRoom.turned(node, turns, scheduler.isOpen(node))
  }
  for (const group of groups) waitingRoom.groupMoved(group)
  if (hasMoved) waitingRoom.machineMoved(keyOfRef(metadata))
  waitingRoom.wakeUncertain()
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
    tellClaim(instance, before, deps)
  }
}

/** A node refused a machine, or, not failed, started one. */
export function tellBuild(node: string, { failed }: { failed: boolean }, deps: ClaimDeps): void {
  const { scheduler, waitingRoom } = deps
  if (scheduler.recordBuild(node, { failed })) waitingRoom.turned(node, ['failures'], scheduler.isOpen(node))
}
