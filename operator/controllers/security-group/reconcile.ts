// SPDX-License-Identifier: Apache-2.0
import type { SecurityGroup, SecurityGroupRule } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, released, waitFor, type Outcome } from '../../../lib/outcome.ts'
import type { LogicalRule } from '../../network/network-driver.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { waitForHolders } from '../../kind/holders.ts'
import { ownerOf } from '../common/logical-owner.ts'

export type SecurityGroupDeps = Pick<OperatorDeps, 'caches' | 'network'>

export async function reconcileSecurityGroup(
  group: SecurityGroup,
  deps: SecurityGroupDeps,
  run: Pick<Run, 'signal'>,
): Promise<Outcome> {
  const status = (group.status ??= {})
  const { uid } = group.metadata
  if (group.metadata.deletionTimestamp !== undefined) {
    status.state = 'DELETING'
    const users = waitForHolders('securityGroups', group, deps.caches)
    if (users) {
      // While in use it is kept in the backend too, whose database may have been lost meanwhile.
      await deps.network.ensure(
        { kind: 'SecurityGroup', ...ownerOf(group), rules: resolveRules(group, deps).rules },
        run.signal,
      )
      return users
    }
    await deps.network.remove('SecurityGroup', uid, run.signal)
    return released
  }
  const { rules, missing } = resolveRules(group, deps)
  await deps.network.ensure({ kind: 'SecurityGroup', ...ownerOf(group), rules }, run.signal)
  if (missing) return missing
  status.state = 'ACTIVE'
  return done
}

/** Rules that name a missing group are left out; the others apply all the same. */
function resolveRules(
  group: SecurityGroup,
  { caches }: SecurityGroupDeps,
): { rules: LogicalRule[]; missing?: Outcome } {
  const { namespace = '' } = group.metadata
  const rules: LogicalRule[] = []
  let missing: Outcome | undefined
  for (const [i, rule] of (group.spec.rules ?? []).entries()) {
    const remote = rule.remoteGroupRef && caches.securityGroups.find(namespace, rule.remoteGroupRef.name)
    if (rule.remoteGroupRef && !remote) {
      missing ??= waitFor(
        'SecurityGroupNotFound',
        `SecurityGroup ${namespace}/${rule.remoteGroupRef.name} in spec.rules[${i}].remoteGroupRef does not exist: create it`,
      )
    } else if (remote && !isStaying(remote) && isStaying(group) && !isRealised(group)) {
      missing ??= waitFor(
        'SecurityGroupDeleting',
        `SecurityGroup ${keyOfObject(remote)} in spec.rules[${i}].remoteGroupRef is being deleted and accepts no new users`,
      )
    } else rules.push(toLogicalRule(rule, remote?.metadata.uid))
  }
  if (isEgressOpen(group)) for (const etherType of ['IPv4', 'IPv6'] as const) rules.push({ ...ALL_OUT, etherType })
  return { rules, ...(missing ? { missing } : {}) }
}

const ALL_OUT = { direction: 'egress', protocol: 'any' } as const

/** As for a new group in Neutron: rules for ingress alone do not restrict egress. */
function isEgressOpen({ spec }: SecurityGroup): boolean {
  return spec.denyEgress !== true && !(spec.rules ?? []).some(({ direction }) => direction === 'egress')
}

function isStaying(group: SecurityGroup): boolean {
  return group.metadata.deletionTimestamp === undefined
}

/** Its present rules are already in the backend, so they may keep naming a group that is being deleted. */
function isRealised({ status, metadata }: SecurityGroup): boolean {
  const ready = findCondition(status?.conditions, 'Ready')
  return ready?.status === 'True' && ready.observedGeneration === metadata.generation
}

function toLogicalRule(rule: SecurityGroupRule, remoteGroupUid: string | undefined): LogicalRule {
  return {
    direction: rule.direction,
    etherType: rule.etherType ?? 'IPv4',
    protocol: rule.protocol ?? 'any',
    ...(rule.portRangeMin === undefined ? {} : { portRangeMin: rule.portRangeMin }),
    ...(rule.portRangeMax === undefined ? {} : { portRangeMax: rule.portRangeMax }),
    ...(rule.remoteIPPrefix === undefined ? {} : { remoteIPPrefix: rule.remoteIPPrefix }),
    ...(remoteGroupUid === undefined ? {} : { remoteGroupUid }),
  }
}
