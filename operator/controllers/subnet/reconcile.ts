// SPDX-License-Identifier: Apache-2.0
import type { Subnet } from '../../../lib/api/types.ts'
import { TerminalError } from '../../../lib/errors.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, released, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { holderOf, type ClaimHolder } from '../../ipam/claim-block.ts'
import { findOverlap, type SubnetPlan, type SubnetRank } from '../../ipam/subnet-plan.ts'
import type { LogicalSubnet } from '../../network/logical-kinds.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { listNames, waitForHolders } from '../../kind/holders.ts'
import { resolveOnly } from '../../kind/resolve.ts'
import { isActive, network as networkOfSubnet } from './kind.ts'
import { assertSupported, hasFeature } from '../common/sdn-controller.ts'
import { isRealised, type RealisedNetwork } from '../common/realised-network.ts'
import { hasDhcp } from './dhcp.ts'
import { logicalSubnet } from './logical-subnet.ts'
import { returnRange, settleRange } from './pool-range.ts'
import { cidrOf, planOf } from './range.ts'
import { networkKeyOf } from '../../kind/network-key.ts'

export type SubnetDeps = Pick<OperatorDeps, 'caches' | 'network' | 'ranges'>

export async function reconcileSubnet(subnet: Subnet, deps: SubnetDeps, run: Pick<Run, 'signal'>): Promise<Outcome> {
  const status = (subnet.status ??= {})
  const { uid } = subnet.metadata
  if (subnet.metadata.deletionTimestamp !== undefined) {
    status.state = 'DELETING'
    const inUse = findUse(subnet, deps)
    if (inUse) {
      // While in use it is kept in the backend too, whose database may have been lost meanwhile.
      if (cidrOf(subnet) !== undefined) {
        await settleRange(subnet, deps)
        const network = deps.caches.networks.findByKey(networkKeyOf(subnet))
        if (network && isRealised(network)) await deps.network.ensure(wantOf(subnet, network, deps), run.signal)
      }
      return inUse
    }
    await deps.network.remove('Subnet', uid, run.signal)
    await returnRange(subnet, deps)
    return released
  }
  const unsettled = await settleRange(subnet, deps)
  if (unsettled) {
    status.state ??= 'BUILD'
    return unsettled
  }
  const plan = planOf(subnet)
  const cidr = cidrOf(subnet) ?? ''
  const others = deps.caches.subnets.listBy('network', networkKeyOf(subnet))
  const older = findOverlap(rankOf(subnet), others.map(rankOf))
  if (older) {
    // Not terminal: once the other Subnet is gone, this one comes up by itself.
    status.state = 'ERROR'
    return waitFor(
      'CIDROverlap',
      `${subnet.spec.cidr === undefined ? 'its range' : 'spec.cidr'} ${cidr} overlaps ${older.cidr} of Subnet ${older.name} on the same Network: delete one of them`,
    )
  }
  status.state ??= 'BUILD'
  const network = resolveOnly(networkOfSubnet, subnet, deps.caches)
  if (!network.ok) return network.outcome
  if (!isRealised(network.object))
    return waitFor('NetworkNotReady', `waiting for Network ${network.object.metadata.name}`)
  const isServed = !hasDhcp(subnet) || hasFeature(network.object, 'DHCP')
  assertSupported(network.object, isServed, 'spec.dhcp, which is enabled by default,', WITHOUT_DHCP)
  await deps.network.ensure(wantOf(subnet, network.object, deps), run.signal)
  if (plan.gatewayIP === undefined) delete status.gatewayIP
  else status.gatewayIP = plan.gatewayIP
  status.cidr = cidr
  status.state = 'ACTIVE'
  return done
}

const WITHOUT_DHCP =
  'write dhcp: {enabled: false}, with which machines find their addresses on their config drive (spec.configDrive), or, where the controller does DHCP, have spec.controller.features of the ProviderNetwork say so'

/** A Subnet that a Router has joined does not announce itself: the Router does. */
function wantOf(subnet: Subnet, network: RealisedNetwork, { caches }: SubnetDeps): LogicalSubnet {
  const want = logicalSubnet(subnet, network, caches.clouds)
  const isRouted = caches.routers.listBy('legUID', subnet.metadata.uid).length > 0
  return want.ipv6 && isRouted ? { ...want, ipv6: { ...want.ipv6, routerAdvertisements: false } } : want
}

export function rankOf(subnet: Subnet): SubnetRank {
  const { name, uid, creationTimestamp = '' } = subnet.metadata
  return {
    name,
    uid,
    cidr: cidrOf(subnet) ?? '',
    creationTimestamp,
    isActive: isActive(subnet),
  }
}

function findUse(subnet: Subnet, deps: SubnetDeps): Outcome | undefined {
  const holders = listAddressHolders(subnet, deps)
  const ports = holders.filter(({ kind }) => kind === undefined)
  const named = ports.length === 0 ? waitForHolders('subnets', subnet, deps.caches) : undefined
  // Others say by their status what they have; a claim alone is of one that is about to have it.
  if (named || holders.length === 0) return named
  return waitFor('InUse', `has addresses of ${namesOfHolders(ports.length > 0 ? ports : holders)}: delete these first`)
}

/**
 * Who has addresses of the subnet: Ports by their status, as deleting the namespace removes claims (these have no finalizer) but must not
 * take addresses from a running machine, and everybody by the claims.
 */
function listAddressHolders(subnet: Subnet, { caches }: SubnetDeps): ClaimHolder[] {
  const { uid, name } = subnet.metadata
  const claimed = caches.ipClaims.listBy('subnet', uid).flatMap(({ spec }) => spec.claims.map(holderOf))
  const ports = caches.ports
    .listBy('network', networkKeyOf(subnet))
    .filter(({ status }) => status?.fixedIPs?.some((fixed) => fixed.subnet === name))
  return [...claimed, ...ports.map(({ metadata }) => ({ namespace: metadata.namespace ?? '', name: metadata.name }))]
}

/** `Ports a/b, a/c and FloatingIPs a/d`. */
function namesOfHolders(holders: readonly ClaimHolder[]): string {
  const names = new Map<string, Set<string>>()
  for (const { kind = 'Port', namespace, name } of holders)
    names.set(kind, (names.get(kind) ?? new Set()).add(`${namespace}/${name}`))
  return [...names].map(([kind, keys]) => `${kind}s ${listNames([...keys])}`).join(' and ')
}

/**
 * The plan of a subnet from which addresses may be handed out now; undefined, also if the subnet cannot be planned: none may.
 * @param isKept the asker already has one, and keeps it even if the subnet is being deleted
 */
export function findUsablePlan(subnet: Subnet, siblings: readonly Subnet[], isKept = false): SubnetPlan | undefined {
  if (subnet.metadata.deletionTimestamp !== undefined && !isKept) return undefined
  if (cidrOf(subnet) === undefined || findOverlap(rankOf(subnet), siblings.map(rankOf))) return undefined
  try {
    return planOf(subnet)
  } catch (error) {
    if (error instanceof TerminalError) return undefined
    throw error
  }
}
