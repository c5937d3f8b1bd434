// SPDX-License-Identifier: Apache-2.0
import type { Router } from '../../../lib/api/types.ts'
import { TransientError } from '../../../lib/errors.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, released, saved, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { allMissing } from '../../kind/found.ts'
import { waitForHolders } from '../../kind/holders.ts'
import type { LogicalRouter, RoutedSubnet } from '../../network/logical-kinds.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { ownerOf } from '../common/logical-owner.ts'
import { claimLegs, releaseOthers } from './claims.ts'
import { recordFailover } from './failover.ts'
import { recordNextHops } from './next-hops.ts'
import { limitGateway, resolveLimited } from './gateway-policy.ts'
import { gatewayStatus, logicalGateway, type Gateway } from './gateway.ts'
import { withGuards, type Guarded } from './guards.ts'
import { resolveInterfaces } from './interfaces.ts'
import { hasPort } from '../../placed/router-ports.ts'
import { hasLeg } from './kind.ts'
import { withBalancers } from './balancers.ts'
import { withoutOverlap } from './overlap.ts'
import type { PortLeg } from './port-legs.ts'
import { listRanges } from './ranges.ts'
import { resolveRoutes } from './routes.ts'
import { listRouted } from './scopes.ts'
import { withSenders } from './senders.ts'

export type RouterDeps = Pick<OperatorDeps, 'addresses' | 'caches' | 'network' | 'subnetArrivals'>

type RouterRun = Pick<Run, 'now' | 'signal'>

export async function reconcileRouter(router: Router, deps: RouterDeps, run: RouterRun): Promise<Outcome> {
  const status = (router.status ??= {})
  const isGoing = router.metadata.deletionTimestamp !== undefined
  if (isGoing) status.state = 'DELETING'
  const users = isGoing ? waitForHolders('routers', router, deps.caches) : undefined
  if (isGoing && !users) {
    await deps.network.remove('Router', router.metadata.uid, run.signal)
    await deps.network.remove('QoS', router.metadata.uid, run.signal)
    await releaseOthers(router, [], deps)
    return released
  }
  const found = resolveInterfaces(router, deps)
  if (found.unknown) return users ?? found.unknown
  const { gateway, refused, ...outside } = await resolveLimited(router, listRanges(found.interfaces, found.ports), deps)
  if (outside.unknown) return users ?? outside.unknown
  const apart = withoutOverlap(found.interfaces, found.ports, gateway, deps)
  if (!isGoing && recordNewPorts(router, apart.ports)) return saved
  const ports = apart.ports.filter(({ logical }) => hasPort(router, logical.uid))
  const { claimed: interfaces, lacks: taken } = await claimLegs(router, apart.interfaces, deps)
  const routed = gateway ? listRouted(listRanges(interfaces, ports), gateway, deps.caches) : []
  const logical = gateway && logicalGateway(router, gateway, routed)
  const { routes, lacks: unreachable } = resolveRoutes(
    router,
    listRanges(interfaces, ports),
    logical ? gateway.addresses : [],
  )
  const outer = logical ? gateway.addresses.map(({ address }) => address) : []
  const held = withSenders(router, { interfaces, ports }, outer, deps.caches)
  const guarded = withGuards(router, { interfaces, ports: held }, deps.caches)
  const want: LogicalRouter = {
    ...{ kind: 'Router', ...ownerOf(router), routes },
    ...{ interfaces: withBalancers(router, guarded.interfaces, deps.caches), ports: guarded.ports },
    ...(logical ? { gateway: logical } : {}),
  }
  const unlimited = await untilReady(() => limitGateway(router, gateway, logical, deps, run.signal))
  const behind = await untilReady(() => deps.network.ensure(want, run.signal), guarded)
  const hasNew = interfaces.some(({ uid }) => !hasLeg(router, uid))
  record(router, interfaces, ports, gateway)
  recordNextHops(router, logical ? routes : [], deps.network, run.now)
  recordFailover(router, gateway?.nodes ?? [], gateway?.candidates ?? [], run.now)
  await releaseOthers(router, usedBy(interfaces, gateway), deps)
  // By its status the firewall knows where it is to stand.
  if (hasNew && behind?.kind === 'wait' && behind.reason === 'FirewallPending') return saved
  // While in use it is kept in the backend too, whose database may have been lost meanwhile.
  if (users) return users
  // What can be joined is joined, whatever else is missing.
  const lacks = [...found.lacks, ...outside.lacks, ...apart.lacks, ...taken, ...unreachable, unlimited, behind]
  const missing = allMissing(lacks)
  status.state = missing || refused ? (status.state ?? 'BUILD') : 'ACTIVE'
  if (refused) throw refused
  return missing?.outcome ?? done
}

/** @returns why a part of it is not there yet: the row of a network is lost at the moment, or a firewall does not stand yet */
async function untilReady(ensure: () => Promise<void>, guarded?: Guarded): Promise<Outcome | undefined> {
  try {
    await ensure()
    return undefined
  } catch (error) {
    if (guarded && error instanceof TransientError && error.reason === 'FirewallPending') return guarded.pending()
    if (error instanceof TransientError && error.reason === 'NetworkNotReady')
      return waitFor(error.reason, `${error.message}; the rest of the Router is`)
    throw error
  }
}

/** A Port stays while its Router has it, so that is written before anything is made of it. @returns whether there is one that is new */
function recordNewPorts(router: Router, ports: readonly PortLeg[]): boolean {
  const status = (router.status ??= {})
  const added = ports.filter(({ logical }) => !hasPort(router, logical.uid))
  if (added.length > 0) status.ports = [...(status.ports ?? []), ...added.map(toPortStatus)]
  return added.length > 0
}

function record(
  router: Router,
  interfaces: readonly RoutedSubnet[],
  ports: readonly PortLeg[],
  gateway: Gateway | undefined,
): void {
  const status = (router.status ??= {})
  status.interfaces = interfaces.map((leg) => toStatus(router, leg))
  if (ports.length > 0) status.ports = ports.map(toPortStatus)
  else delete status.ports
  if (gateway) {
    status.externalGateway = gatewayStatus(gateway)
    status.gateways = [...gateway.nodes]
  } else {
    delete status.externalGateway
    delete status.gateways
  }
}

function toStatus({ metadata }: Router, { uid, namespace, name, gatewayIP, cidr }: RoutedSubnet) {
  return {
    subnet: name,
    ...(namespace === metadata.namespace ? {} : { namespace }),
    ...{ subnetUID: uid, ipAddress: gatewayIP, prefixLength: Number(cidr.split('/')[1]) },
  }
}

function toPortStatus({ port: { metadata }, fixedIPs }: PortLeg) {
  return { name: metadata.name, uid: metadata.uid, fixedIPs }
}

function usedBy(interfaces: readonly RoutedSubnet[], gateway: Gateway | undefined) {
  return [
    ...interfaces.map(({ uid, gatewayIP }) => ({ subnetUid: uid, address: gatewayIP })),
    ...(gateway?.addresses ?? []).map(({ subnet, address }) => ({ subnetUid: subnet.metadata.uid, address })),
  ]
}
