// SPDX-License-Identifier: Apache-2.0
import type { Router } from '../../../lib/api/types.ts'
import { TerminalError } from '../../../lib/errors.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, released, type Outcome } from '../../../lib/outcome.ts'
import { allMissing } from '../../kind/found.ts'
import { waitForHolders } from '../../kind/holders.ts'
import type { LogicalRouter, RoutedSubnet } from '../../network/network-driver.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { ownerOf } from '../common/logical-owner.ts'
import { claimLegs, releaseOthers } from './claims.ts'
import { gatewayStatus, resolveGateway, type Gateway, type ResolvedGateway } from './gateway.ts'
import { resolveInterfaces } from './interfaces.ts'
import { withoutOverlap } from './overlap.ts'
import { resolveRoutes } from './routes.ts'

export type RouterDeps = Pick<OperatorDeps, 'addresses' | 'caches' | 'network' | 'subnetArrivals'>

export async function reconcileRouter(router: Router, deps: RouterDeps, run: Pick<Run, 'signal'>): Promise<Outcome> {
  const status = (router.status ??= {})
  const isGoing = router.metadata.deletionTimestamp !== undefined
  if (isGoing) status.state = 'DELETING'
  const users = isGoing ? waitForHolders('routers', router, deps.caches) : undefined
  if (isGoing && !users) {
    await deps.network.remove('Router', router.metadata.uid, run.signal)
    await releaseOthers(router, [], deps)
    return released
  }
  const found = resolveInterfaces(router, deps)
  if (found.unknown) return users ?? found.unknown
  const { resolved, refused } = await resolveOutside(router, deps)
  if (resolved.unknown) return users ?? resolved.unknown
  const apart = withoutOverlap(router, found.interfaces, resolved.gateway)
  const { claimed: interfaces, lacks: taken } = await claimLegs(router, apart.interfaces, deps)
  const { gateway } = apart
  const { routes, lacks: unreachable } = resolveRoutes(router, interfaces, gateway?.addresses)
  const want: LogicalRouter = {
    ...{ kind: 'Router', ...ownerOf(router), interfaces, routes },
    ...(gateway ? { gateway: gateway.logical } : {}),
  }
  await deps.network.ensure(want, run.signal)
  record(router, interfaces, gateway)
  await releaseOthers(router, usedBy(interfaces, gateway), deps)
  // While in use it is kept in the backend too, whose database may have been lost meanwhile.
  if (users) return users
  // What can be joined is joined, whatever else is missing.
  const lacks = [...found.lacks, ...apart.lacks, ...taken, resolved.lacks, ...unreachable]
  const missing = allMissing(lacks)
  status.state = missing || refused ? (status.state ?? 'BUILD') : 'ACTIVE'
  if (refused) throw refused
  return missing?.outcome ?? done
}

/** An address that no network can give is said once the rest of the router is there. */
async function resolveOutside(
  router: Router,
  deps: RouterDeps,
): Promise<{ resolved: ResolvedGateway; refused?: TerminalError }> {
  try {
    return { resolved: await resolveGateway(router, deps) }
  } catch (error) {
    if (error instanceof TerminalError) return { resolved: {}, refused: error }
    throw error
  }
}

function record(router: Router, interfaces: readonly RoutedSubnet[], gateway: Gateway | undefined): void {
  const status = (router.status ??= {})
  status.interfaces = interfaces.map(toStatus)
  if (gateway) {
    status.externalGateway = gatewayStatus(gateway)
    status.gateways = [...gateway.logical.nodes]
  } else {
    delete status.externalGateway
    delete status.gateways
  }
}

function toStatus({ uid, name, gatewayIP, cidr }: RoutedSubnet) {
  return { subnet: name, subnetUID: uid, ipAddress: gatewayIP, prefixLength: Number(cidr.split('/')[1]) }
}

function usedBy(interfaces: readonly RoutedSubnet[], gateway: Gateway | undefined) {
  return [
    ...interfaces.map(({ uid, gatewayIP }) => ({ subnetUid: uid, address: gatewayIP })),
    ...(gateway?.addresses ?? []).map(({ subnet, address }) => ({ subnetUid: subnet.metadata.uid, address })),
  ]
}
