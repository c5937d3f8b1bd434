// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '../../../lib/kube/object.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { Caches } from '../../kind/row.ts'
import type { PortEnd, Question } from './question.ts'

interface Answerable extends KubeObject {
  status?: { observedGeneration?: number }
}

/** What of the project's own the answer hangs on and was just written, so that the network does not follow it yet. Pure. */
export function findUnsettled({ source, destination, namespace }: Question, caches: Caches): string | undefined {
  const ends = [source, destination].filter((end) => end.what === 'port')
  const involved: [string, Answerable][] = ends.flatMap((end) => listInvolved(end, caches))
  const [kind, object] = involved.find(([, one]) => one.metadata.namespace === namespace && isUnanswered(one)) ?? []
  return object && `${kind} ${keyOfObject(object)}`
}

function isUnanswered({ metadata, status }: Answerable): boolean {
  return (status?.observedGeneration ?? 0) < (metadata.generation ?? 0)
}

function listInvolved({ port, subnet }: PortEnd, caches: Caches): [string, Answerable][] {
  const groups = (port.status?.securityGroupUIDs ?? []).flatMap((uid) => caches.securityGroups.findByUid(uid) ?? [])
  const key = keyOfObject(subnet)
  const routers = [
    ...(['subnet', 'leg'] as const).flatMap((by) => caches.routers.listBy(by, key)),
    ...caches.routers.listBy('joinedByPort', subnet.metadata.uid),
  ]
  const firewalls = routers.flatMap((router) => caches.firewallGroups.listBy('routers', keyOfObject(router)))
  const floating = [
    ...caches.floatingIPs.listBy('port', keyOfObject(port)),
    ...(port.status?.instance
      ? caches.floatingIPs.listBy('instance', `${port.metadata.namespace}/${port.status.instance.name}`)
      : []),
  ]
  const policies = firewalls.flatMap((group) =>
    [...(group.status?.ingressPolicies ?? []), ...(group.status?.egressPolicies ?? [])].flatMap(
      ({ policyUID }) => caches.firewallPolicies.findByUid(policyUID) ?? [],
    ),
  )
  return [
    ['Port', port],
    ...groups.map((one): [string, Answerable] => ['SecurityGroup', one]),
    ...routers.map((one): [string, Answerable] => ['Router', one]),
    ...policies.map((one): [string, Answerable] => ['FirewallPolicy', one]),
    ...firewalls.map((one): [string, Answerable] => ['FirewallGroup', one]),
    ...floating.map((one): [string, Answerable] => ['FloatingIP', one]),
  ]
}
