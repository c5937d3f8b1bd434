// SPDX-License-Identifier: Apache-2.0
import type { Router } from '../../../lib/api/types.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, released, type Outcome } from '../../../lib/outcome.ts'
import { allMissing } from '../../kind/found.ts'
import { waitForHolders } from '../../kind/holders.ts'
import type { LogicalRouter, RoutedSubnet } from '../../network/network-driver.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { ownerOf } from '../common/logical-owner.ts'
import { resolveInterfaces } from './interfaces.ts'
import { resolveRoutes } from './routes.ts'

export type RouterDeps = Pick<OperatorDeps, 'caches' | 'network'>

export async function reconcileRouter(router: Router, deps: RouterDeps, run: Pick<Run, 'signal'>): Promise<Outcome> {
  const status = (router.status ??= {})
  const isGoing = router.metadata.deletionTimestamp !== undefined
  if (isGoing) status.state = 'DELETING'
  const users = isGoing ? waitForHolders('routers', router, deps.caches) : undefined
  if (isGoing && !users) {
    await deps.network.remove('Router', router.metadata.uid, run.signal)
    return released
  }
  const { interfaces, lacks, unknown } = resolveInterfaces(router, deps)
  if (unknown) return users ?? unknown
  const { routes, lacks: unreachable } = resolveRoutes(router, interfaces)
  const want: LogicalRouter = { kind: 'Router', ...ownerOf(router), interfaces, routes }
  await deps.network.ensure(want, run.signal)
  status.interfaces = interfaces.map(toStatus)
  // While in use it is kept in the backend too, whose database may have been lost meanwhile.
  if (users) return users
  // The Subnets that can be joined are joined, whatever else is missing.
  const missing = allMissing([...lacks, ...unreachable])
  status.state = missing ? (status.state ?? 'BUILD') : 'ACTIVE'
  return missing?.outcome ?? done
}

function toStatus({ uid, name, gatewayIP, cidr }: RoutedSubnet) {
  return { subnet: name, subnetUID: uid, ipAddress: gatewayIP, prefixLength: Number(cidr.split('/')[1]) }
}
