// SPDX-License-Identifier: Apache-2.0
import type { Subnet } from '../../../lib/api/types.ts'
import { TerminalError } from '../../../lib/errors.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, released, waitFor, type Outcome } from '../../../lib/outcome.ts'
import type { ClaimEntry } from '../../ipam/claim-block.ts'
import { findOverlap, planSubnet, type SubnetPlan, type SubnetRank } from '../../ipam/subnet-plan.ts'
import type { LogicalSubnet } from '../../network/network-driver.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { keyOf } from '../../kind/references.ts'
import { listNames, waitForHolders } from '../../kind/holders.ts'
import { resolveOnly } from '../../kind/resolve.ts'
import { network as networkOfSubnet } from './kind.ts'
import { isRealised, type RealisedNetwork } from '../common/realised-network.ts'
import { logicalSubnet } from './logical-subnet.ts'

export type SubnetDeps = Pick<OperatorDeps, 'caches' | 'network'>

export async function reconcileSubnet(subnet: Subnet, deps: SubnetDeps, run: Pick<Run, 'signal'>): Promise<Outcome> {
  const status = (subnet.status ??= {})
  const { uid, namespace = '' } = subnet.metadata
  if (subnet.metadata.deletionTimestamp !== undefined) {
    status.state = 'DELETING'
    const inUse = findUse(subnet, deps)
    if (inUse) {
      // What is in use stays as it is, in the backend too: its database may have been lost meanwhile.
      const network = deps.caches.networks.findByKey(keyOf(subnet.spec.networkRef, namespace))
      if (network && isRealised(network)) await deps.network.ensure(wantOf(subnet, network, deps), run.signal)
      return inUse
    }
    await deps.network.remove('Subnet', uid, run.signal)
    return released
  }
  const plan = planSubnet(subnet.spec)
  const others = deps.caches.subnets.listBy('network', keyOf(subnet.spec.networkRef, namespace))
  const older = findOverlap(rankOf(subnet), others.map(rankOf))
  if (older) {
    // Not thrown as terminal: when the other one goes, this one comes up by itself.
    status.state = 'ERROR'
    return waitFor(
      'CIDROverlap',
      `spec.cidr ${subnet.spec.cidr} overlaps ${older.cidr} of Subnet ${older.name} on the same Network: delete one of them`,
    )
  }
  status.state ??= 'BUILD'
  const network = resolveOnly(networkOfSubnet, subnet, deps.caches)
  if (!network.ok) return network.outcome
  if (!isRealised(network.object))
    return waitFor('NetworkNotReady', `waiting for Network ${network.object.metadata.name}`)
  await deps.network.ensure(wantOf(subnet, network.object, deps), run.signal)
  if (plan.gatewayIP === undefined) delete status.gatewayIP
  else status.gatewayIP = plan.gatewayIP
  status.state = 'ACTIVE'
  return done
}

/** What a Router joins it announces itself. */
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
    cidr: subnet.spec.cidr,
    creationTimestamp,
    isActive: subnet.status?.gatewayIP !== undefined || subnet.status?.state === 'ACTIVE',
  }
}

function findUse(subnet: Subnet, deps: SubnetDeps): Outcome | undefined {
  const ports = listPorts(subnet, deps)
  if (ports.length === 0) return waitForHolders('subnets', subnet, deps.caches)
  return waitFor('InUse', `has addresses of Ports ${listNames(ports)}: delete these first`)
}

/**
 * Ports that have addresses of it: those that say so, since what goes with its namespace (claims have nothing that holds them) takes no
 * address from a running machine, and those that addresses are claimed for.
 */
function listPorts(subnet: Subnet, { caches }: SubnetDeps): string[] {
  const { uid, name, namespace } = subnet.metadata
  const claimed = caches.ipClaims.listBy('subnet', uid).flatMap(({ spec }) => spec.claims.map(holderOf))
  const ports = caches.ports
    .listBy('network', keyOf(subnet.spec.networkRef, namespace))
    .filter(({ status }) => status?.fixedIPs?.some((fixed) => fixed.subnet === name))
  return [...new Set([...claimed, ...ports.map(keyOfObject)])]
}

function holderOf({ portRef }: ClaimEntry): string {
  return `${portRef.namespace}/${portRef.name}`
}

/**
 * Whether addresses may be handed out of it now.
 * @param isKept who asks has one already, and keeps it although the subnet is being deleted
 * @throws nothing: a subnet that cannot be planned is not usable
 */
export function findUsablePlan(subnet: Subnet, siblings: readonly Subnet[], isKept = false): SubnetPlan | undefined {
  if (subnet.metadata.deletionTimestamp !== undefined && !isKept) return undefined
  if (findOverlap(rankOf(subnet), siblings.map(rankOf))) return undefined
  try {
    return planSubnet(subnet.spec)
  } catch (error) {
    if (error instanceof TerminalError) return undefined
    throw error
  }
}
