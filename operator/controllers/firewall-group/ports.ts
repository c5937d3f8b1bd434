// SPDX-License-Identifier: Apache-2.0
import type { FirewallGroup, Router } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import { isOlder } from '../../kind/is-older.ts'
import { resolve } from '../../kind/resolve.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { portKey, routers as routersOfGroup } from './kind.ts'

export interface FirewalledPort {
  router: Router
  subnet: string
  subnetUid: string
  /** The Router's, on that Subnet. */
  address: string
}

type Leg = NonNullable<NonNullable<Router['status']>['interfaces']>[number]

/** Where the group stands, and why it does not where it should. Pure. */
export function resolvePorts(
  group: FirewallGroup,
  { caches }: Pick<OperatorDeps, 'caches'>,
): { ports: readonly FirewalledPort[]; lacks: readonly Outcome[] } {
  const ports = new Map<string, FirewalledPort>()
  const lacks: Outcome[] = []
  for (const [i, { ref, field }] of routersOfGroup.refs(group).entries()) {
    const found = resolve(routersOfGroup, group, { ref, field }, caches)
    if (!found.ok) {
      lacks.push(found.outcome)
      continue
    }
    const router = found.object
    const wanted = group.spec.ports[i]?.subnetRef
    const legs = (router.status?.interfaces ?? []).filter((leg) => !wanted || isLegOf(leg, wanted.name))
    if (wanted && legs.length === 0) lacks.push(notJoined(router, wanted.name, `spec.ports[${i}].subnetRef`))
    for (const { subnet, subnetUID, ipAddress } of legs) {
      const key = portKey(router.metadata.uid, subnetUID)
      const rival = findRival(group, key, caches)
      if (rival) lacks.push(taken(router, subnet, rival))
      else ports.set(key, { router, subnet, subnetUid: subnetUID, address: ipAddress })
    }
  }
  return { ports: [...ports.values()], lacks }
}

/** Of the Router's own namespace. */
function isLegOf({ subnet, namespace }: Leg, name: string): boolean {
  return namespace === undefined && subnet === name
}

/** One that stands there keeps it; of two (after a restore) the older. */
function findRival(
  group: FirewallGroup,
  key: string,
  { firewallGroups }: OperatorDeps['caches'],
): FirewallGroup | undefined {
  const others = firewallGroups.listBy('standing', key).filter(({ metadata }) => metadata.uid !== group.metadata.uid)
  const stands = group.status?.ports?.some(({ routerUID, subnetUID }) => portKey(routerUID, subnetUID) === key)
  return stands ? others.find((other) => isOlder(other, group)) : others[0]
}

function notJoined(router: Router, subnet: string, field: string): Outcome {
  const message = `Router ${keyOfObject(router)} does not join Subnet ${subnet} in ${field}: add it to the Router's spec.interfaces, or name another`
  return waitFor('SubnetNotRouted', message)
}

function taken(router: Router, subnet: string, rival: FirewallGroup): Outcome {
  const message = `the port of Router ${keyOfObject(router)} on Subnet ${subnet} has FirewallGroup ${keyOfObject(rival)} already: take it out of one of the two`
  return waitFor('RouterPortInUse', message)
}
