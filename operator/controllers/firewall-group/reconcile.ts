// SPDX-License-Identifier: Apache-2.0
import type { FirewallGroup } from '../../../lib/api/types.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, released, type Outcome } from '../../../lib/outcome.ts'
import { allMissing } from '../../kind/found.ts'
import { waitForHolders } from '../../kind/holders.ts'
import type { LogicalFirewallGroup } from '../../network/logical-kinds.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { ownerOf } from '../common/logical-owner.ts'
import { recordPolicies, resolvePolicies, rulesOf } from './policies.ts'
import { resolvePorts, type FirewalledPort } from './ports.ts'

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
  const ruling = resolvePolicies(group, deps)
  const { ports, lacks } = resolvePorts(group, deps)
  const want: LogicalFirewallGroup = {
    ...{ kind: 'FirewallGroup', ...ownerOf(group), ports: ports.map(toLogical) },
    ...rulesOf(ruling.policies),
  }
  // Before: where a router's port is missing, all else is there.
  recordPolicies(group, ruling)
  status.ports = ports.map(toStatus)
  await deps.network.ensure(want, run.signal)
  status.state = ports.length > 0 ? 'ACTIVE' : 'INACTIVE'
  return allMissing([...ruling.lacks, ...lacks])?.outcome ?? done
}

function toLogical({ router, legUid, mac, addresses }: FirewalledPort): LogicalFirewallGroup['ports'][number] {
  return { routerUid: router.metadata.uid, legUid, ...(mac === undefined ? {} : { mac }), addresses }
}

function toStatus({ router: { metadata }, status }: FirewalledPort) {
  return { router: metadata.name, routerUID: metadata.uid, ...status }
}
