// SPDX-License-Identifier: Apache-2.0
import type { FirewallGroup, Router } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import { findFirst } from '../../kind/is-older.ts'
import { keyOf } from '../../kind/references.ts'
import { resolve } from '../../kind/resolve.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { portKey, routers as routersOfGroup, standingOf } from './kind.ts'

/** A port of a Router: at the gateway address of a Subnet, or one that has the addresses of a Port. */
export interface FirewalledPort {
  router: Router
  /** For people. */
  name: string
  legUid: string
  status: Pick<
    NonNullable<NonNullable<FirewallGroup['status']>['ports']>[number],
    'subnet' | 'subnetUID' | 'port' | 'portUID'
  >
  mac?: string
  addresses: readonly string[]
  /** `namespace/name` of the Subnets behind it. */
  subnets: readonly string[]
}

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
    const subnet = wanted && keyOf(wanted, group.metadata.namespace)
    const there = portsOf(router, caches).filter(({ subnets }) => subnet === undefined || subnets.includes(subnet))
    if (wanted && there.length === 0) lacks.push(notJoined(router, wanted.name, `spec.ports[${i}].subnetRef`))
    for (const port of there) {
      const key = portKey(router.metadata.uid, port.legUid)
      const rival = findRival(group, key, caches)
      if (rival) lacks.push(taken(port, rival))
      else ports.set(key, port)
    }
  }
  return { ports: [...ports.values()], lacks }
}

function portsOf(router: Router, caches: OperatorDeps['caches']): FirewalledPort[] {
  const { interfaces = [], ports = [] } = router.status ?? {}
  return [
    ...interfaces.map(({ subnet, namespace, subnetUID, ipAddress }) => ({
      ...{ router, name: `on Subnet ${subnet}`, legUid: subnetUID, status: { subnet, subnetUID } },
      ...{ addresses: [ipAddress], subnets: [keyOf({ namespace, name: subnet }, router.metadata.namespace)] },
    })),
    // One without a MAC address is at no Router yet.
    ...ports.flatMap(({ name, uid, fixedIPs }) => {
      const mac = caches.ports.findByUid(uid)?.status?.macAddress
      if (mac === undefined) return []
      const subnets = fixedIPs.flatMap(({ subnetUID }) => caches.subnets.findByUid(subnetUID) ?? []).map(keyOfObject)
      const addresses = fixedIPs.map(({ ipAddress }) => ipAddress)
      return [
        {
          router,
          name: `with Port ${name}`,
          legUid: uid,
          status: { port: name, portUID: uid },
          mac,
          addresses,
          subnets,
        },
      ]
    }),
  ]
}

function findRival(
  group: FirewallGroup,
  key: string,
  { firewallGroups }: OperatorDeps['caches'],
): FirewallGroup | undefined {
  const others = firewallGroups.listBy('standing', key).filter(({ metadata }) => metadata.uid !== group.metadata.uid)
  return findFirst(others, group, standingOf(group).includes(key))
}

function notJoined(router: Router, subnet: string, field: string): Outcome {
  const message = `Router ${keyOfObject(router)} does not join Subnet ${subnet} in ${field}: add it to the Router's spec.interfaces, or name another`
  return waitFor('SubnetNotRouted', message)
}

function taken({ router, name }: FirewalledPort, rival: FirewallGroup): Outcome {
  const message = `the port of Router ${keyOfObject(router)} ${name} has FirewallGroup ${keyOfObject(rival)} already: take it out of one of the two`
  return waitFor('RouterPortInUse', message)
}
