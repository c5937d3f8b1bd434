// SPDX-License-Identifier: Apache-2.0
import type { SecurityGroup, SecurityGroupRule } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, released, waitFor, type Outcome } from '../../../lib/outcome.ts'
import type { LogicalRule } from '../../network/network-driver.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { waitForUsers } from '../common/in-use.ts'
import { ownerOf } from '../common/logical-owner.ts'

export type SecurityGroupDeps = Pick<OperatorDeps, 'caches' | 'network'>

export async function reconcileSecurityGroup(
  group: SecurityGroup,
  deps: SecurityGroupDeps,
  run: Pick<Run, 'signal'>,
): Promise<Outcome> {
  const status = (group.status ??= {})
  const { uid, namespace = '' } = group.metadata
  if (group.metadata.deletionTimestamp !== undefined) {
    status.state = 'DELETING'
    const key = keyOfObject(group)
    // A rule that names a group without rows lets nothing in. Groups that go together do not wait for each other.
    const groups = deps.caches.securityGroups.listBy('remoteGroup', key)
    const users = waitForUsers([
      ['Port', deps.caches.ports.listBy('securityGroup', key)],
      ['SecurityGroup', groups.filter((other) => other.metadata.uid !== uid && isStaying(other))],
    ])
    if (users) return users
    await deps.network.removeSecurityGroup(uid, run.signal)
    return released
  }
  const rules: LogicalRule[] = []
  for (const [i, rule] of (group.spec.rules ?? []).entries()) {
    const remote = rule.remoteGroupRef && deps.caches.securityGroups.find(namespace, rule.remoteGroupRef.name)
    if (rule.remoteGroupRef && !remote) {
      const name = rule.remoteGroupRef.name
      return waitFor(
        'SecurityGroupNotFound',
        `SecurityGroup ${namespace}/${name} in spec.rules[${i}].remoteGroupRef does not exist: create it`,
      )
    }
    if (remote && remote.metadata.uid !== uid && !isStaying(remote) && !isRealised(group)) {
      return waitFor(
        'SecurityGroupDeleting',
        `SecurityGroup ${keyOfObject(remote)} in spec.rules[${i}].remoteGroupRef is being deleted and accepts no new users`,
      )
    }
    rules.push(toLogicalRule(rule, remote?.metadata.uid))
  }
  await deps.network.ensureSecurityGroup({ ...ownerOf(group), rules }, run.signal)
  status.state = 'ACTIVE'
  return done
}

function isStaying(group: SecurityGroup): boolean {
  return group.metadata.deletionTimestamp === undefined
}

/** Its rules as they stand are in the backend already: what they name is kept for it. */
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
