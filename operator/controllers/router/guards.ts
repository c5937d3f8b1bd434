// SPDX-License-Identifier: Apache-2.0
// Legs where a FirewallGroup is to stand: nothing passes a new one before it does. FirewallGroups are of the Router's namespace.
import type { FirewallGroup, Router } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import type { Caches } from '../../kind/row.ts'
import type { LogicalPortLeg, RoutedSubnet } from '../../network/logical-kinds.ts'
import { isAbout, portKey } from '../firewall-group/kind.ts'
import type { PortLeg } from './port-legs.ts'

export interface Guarded {
  interfaces: RoutedSubnet[]
  ports: LogicalPortLeg[]
  /** Why a leg is closed. */
  pending(): Outcome
}

interface Legs {
  interfaces: readonly RoutedSubnet[]
  ports: readonly PortLeg[]
}

type GuardCaches = Pick<Caches, 'firewallGroups' | 'subnets'>

/** Each leg with whether a FirewallGroup names it. Pure. */
export function withGuards(router: Router, { interfaces, ports }: Legs, caches: GuardCaches): Guarded {
  const groups = caches.firewallGroups
    .listBy('routers', keyOfObject(router))
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  const waiting: string[] = []
  const guard = <L extends { uid: string }>(leg: L, name: string, subnets: readonly string[]): L => {
    const group = groups.find((one) => isAbout(one, router, subnets))
    if (!group) return leg
    if (!isStanding(router, leg.uid, caches)) waiting.push(`${name} (FirewallGroup ${keyOfObject(group)})`)
    return { ...leg, guarded: true }
  }
  return {
    interfaces: interfaces.map((leg) => guard(leg, `Subnet ${leg.name}`, [`${leg.namespace}/${leg.name}`])),
    ports: ports.map(({ port, logical, fixedIPs }) => {
      const subnets = fixedIPs.flatMap(({ subnetUID }) => caches.subnets.findByUid(subnetUID) ?? []).map(keyOfObject)
      return guard(logical, `Port ${port.metadata.name}`, subnets)
    }),
    pending: () => {
      const which = waiting.length === 0 ? 'a leg' : waiting.join(', ')
      const message = `nothing passes ${which} before the FirewallGroup that names it stands there: look at the conditions of that one`
      return waitFor('FirewallPending', message)
    },
  }
}

function isStanding(router: Router, legUid: string, { firewallGroups }: GuardCaches): boolean {
  const groups: readonly FirewallGroup[] = firewallGroups.listBy('standing', portKey(router.metadata.uid, legUid))
  return groups.some(({ status }) => status?.state === 'ACTIVE')
}
