// SPDX-License-Identifier: Apache-2.0
import type { Router, Subnet } from '../../../lib/api/types.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import type { RoutedSubnet } from '../../network/logical-kinds.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { hasLeg, holderOfRouter } from './kind.ts'
import { planOf } from '../subnet/range.ts'

type ClaimDeps = Pick<OperatorDeps, 'caches' | 'addresses'>

/**
 * Claims the gateway address of each subnet that is joined, as Ports do theirs: of two Routers, or a Router and a Port, that are about to
 * take one address the store lets one have it, whatever their caches say.
 */
export async function claimLegs(
  router: Router,
  interfaces: readonly RoutedSubnet[],
  deps: ClaimDeps,
): Promise<{ claimed: RoutedSubnet[]; lacks: Outcome[] }> {
  const claimed: RoutedSubnet[] = []
  const lacks: Outcome[] = []
  for (const leg of interfaces) {
    const refused = await claimLeg(router, leg, deps)
    if (refused) lacks.push(refused)
    else claimed.push(leg)
  }
  return { claimed, lacks }
}

/** @returns why it is not the router's */
async function claimLeg(router: Router, leg: RoutedSubnet, deps: ClaimDeps): Promise<Outcome | undefined> {
  const subnet = deps.caches.subnets.findByUid(leg.uid)
  if (!subnet) return undefined
  // Nobody else gets an address of a Subnet that is being deleted, and in a namespace being deleted no claim can be created.
  if (subnet.metadata.deletionTimestamp !== undefined && hasLeg(router, leg.uid)) return undefined
  const result = await deps.addresses.claim(targetOf(subnet), holderOfRouter(router), leg.gatewayIP)
  if (result.ok) return undefined
  return waitFor(
    result.reason,
    `${result.message}, the gateway address that a Router has: delete what has it, or make a Subnet with another gatewayIP`,
  )
}

function targetOf(subnet: Subnet) {
  const { namespace = '', name, uid } = subnet.metadata
  return { namespace, name, uid, plan: planOf(subnet) }
}

/** Gives back what the router has claimed and does not use. */
export async function releaseOthers(
  router: Router,
  used: readonly { subnetUid: string; address: string }[],
  { addresses }: Pick<OperatorDeps, 'addresses'>,
): Promise<void> {
  const isUsed = (subnetUid: string, address: string) =>
    used.some((one) => one.subnetUid === subnetUid && one.address === address)
  const held = addresses.listHeld(holderOfRouter(router))
  await addresses.release(held.filter(({ block, entry }) => !isUsed(block.subnetUid, entry.address)))
}
