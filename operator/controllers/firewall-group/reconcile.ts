// SPDX-License-Identifier: Apache-2.0
import type { FirewallGroup } from '../../../lib/api/types.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, released, type Outcome } from '../../../lib/outcome.ts'
import { allMissing } from '../../kind/found.ts'
import { waitForHolders } from '../../kind/holders.ts'
import type { LogicalFirewallGroup } from '../../network/network-driver.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { ownerOf } from '../common/logical-owner.ts'
import { egressPolicies, ingressPolicies } from './kind.ts'
import { resolvePorts, type FirewalledPort } from './ports.ts'
import { resolveRules } from './rules.ts'

export type FirewallGroupDeps = Pick<OperatorDeps, 'caches' | 'network'>

export async function reconcileFirewallGroup(
  group: FirewallGroup,
  deps: FirewallGroupDeps,
  run: Pick<Run, 'signal'>,
): Promise<Outcome> {
  const status = (group.status ??= {})
  if (group.metadata.deletionTimestamp !== undefined) {
    status.state = 'DELETING'
    const users = waitForHolders('firewallGroups', group, deps.caches)
    if (users) return users
    await deps.network.remove('FirewallGroup', group.metadata.uid, run.signal)
    return released
  }
  status.state ??= 'INACTIVE'
  const ingress = resolveRules(ingressPolicies, group, deps)
  const egress = resolveRules(egressPolicies, group, deps)
  // Without one of its policies it would let pass or stop what nobody wants: it stays as it was.
  const unknown = allMissing([...ingress.lacks, ...egress.lacks])
  if (unknown) return unknown.outcome
  const { ports, lacks } = resolvePorts(group, deps)
  const want: LogicalFirewallGroup = {
    ...{ kind: 'FirewallGroup', ...ownerOf(group), ports: ports.map(toLogical) },
    ...(group.spec.ingress ? { ingress: ingress.rules } : {}),
    ...(group.spec.egress ? { egress: egress.rules } : {}),
  }
  await deps.network.ensure(want, run.signal)
  status.policyUIDs = [...new Set([...ingress.uids, ...egress.uids])].sort()
  status.ports = ports.map(toStatus)
  status.state = ports.length > 0 ? 'ACTIVE' : 'INACTIVE'
  return allMissing(lacks)?.outcome ?? done
}

function toLogical({ router, subnetUid, address }: FirewalledPort): LogicalFirewallGroup['ports'][number] {
  return { routerUid: router.metadata.uid, subnetUid, address }
}

function toStatus({ router: { metadata }, subnet, subnetUid }: FirewalledPort) {
  return { router: metadata.name, routerUID: metadata.uid, subnet, subnetUID: subnetUid }
}
