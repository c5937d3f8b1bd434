// SPDX-License-Identifier: Apache-2.0
// What BFD says of the next hops of a Router's routes: for whoever counts on the way, and looks why it is out.
import type { Router } from '../../../lib/api/types.ts'
import { setCondition, type ConditionUpdate } from '../../../lib/conditions.ts'
import type { LogicalRouter } from '../../network/logical-kinds.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { toTime } from '../../../lib/time/rfc3339.ts'

const NEXT_HOPS_UP = 'NextHopsUp'
type NextHopStatus = NonNullable<NonNullable<Router['status']>['nextHops']>[number]

/** Sets status.nextHops and the condition NextHopsUp of a Router with such routes; others have neither. @param routes as the backend has them */
export function recordNextHops(
  router: Router,
  routes: LogicalRouter['routes'],
  network: Pick<OperatorDeps['network'], 'nextHopOf' | 'hasProbes'>,
  now: Date,
): void {
  const status = (router.status ??= {})
  const known = status.nextHops ?? []
  const addresses = [...new Set(routes.flatMap(({ nextHop, bfd }) => (bfd ? [nextHop] : [])))]
  if (addresses.length === 0) {
    delete status.nextHops
    if (status.conditions?.some(({ type }) => type === NEXT_HOPS_UP))
      status.conditions = status.conditions.filter(({ type }) => type !== NEXT_HOPS_UP)
    return
  }
  const hops = addresses.map((address): NextHopStatus => {
    const old = known.find(({ ipAddress }) => ipAddress === address)
    const said = network.nextHopOf({ routerUid: router.metadata.uid, address })
    // An operator that has just begun does not know yet what was found.
    if (said === undefined && old && !network.hasProbes()) return old
    const state = said === 'up' ? 'UP' : 'DOWN'
    const since = old?.state === state ? old.since : toTime(now)
    return { ipAddress: address, state, since }
  })
  status.nextHops = hops
  status.conditions = setCondition(status.conditions, conditionOf(hops), router.metadata.generation, now)
}

function conditionOf(hops: readonly NextHopStatus[]): ConditionUpdate {
  const type = NEXT_HOPS_UP
  const down = hops.filter(({ state }) => state === 'DOWN').map(({ ipAddress }) => ipAddress)
  if (down.length === 0)
    return { type, status: 'True', reason: 'NextHopsAnswer', message: 'all next hops of routes with bfd answer' }
  const message = `no BFD with next hop ${down.join(', ')}, whose routes are out: look whether it runs, and speaks BFD with the Router's external address (RFC 5880, UDP port 3784)`
  return { type, status: 'False', reason: 'NextHopDown', message }
}
