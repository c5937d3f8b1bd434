// SPDX-License-Identifier: Apache-2.0
import type { SecurityGroup } from '../../../lib/api/types.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, released, type Outcome } from '../../../lib/outcome.ts'
import { allMissing } from '../../kind/found.ts'
import { waitForHolders } from '../../kind/holders.ts'
import type { LogicalRule } from '../../network/logical-kinds.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { ownerOf } from '../common/logical-owner.ts'
import { isStateful } from './kind.ts'
import { logOf, resolveRules } from './rules.ts'

export type SecurityGroupDeps = Pick<OperatorDeps, 'caches' | 'network'>

export async function reconcileSecurityGroup(
  group: SecurityGroup,
  deps: SecurityGroupDeps,
  run: Pick<Run, 'signal'>,
): Promise<Outcome> {
  const status = (group.status ??= {})
  const { rules, lacks } = resolveRules(group, deps)
  const stateless = isStateful(group) ? {} : { stateless: true }
  const want = { kind: 'SecurityGroup', ...ownerOf(group), ...stateless, ...logOf(group), rules } as const
  if (group.metadata.deletionTimestamp !== undefined) {
    status.state = 'DELETING'
    const users = waitForHolders('securityGroups', group, deps.caches)
    // While in use it is kept in the backend too, whose database may have been lost meanwhile.
    if (users) await deps.network.ensure(want, run.signal)
    else await deps.network.remove('SecurityGroup', group.metadata.uid, run.signal)
    return users ?? released
  }
  await deps.network.ensure(want, run.signal)
  recordRemotes(group, rules)
  const missing = allMissing(lacks)
  if (missing) return missing.outcome
  status.state = 'ACTIVE'
  return done
}

/** What its rules in force name: they keep it while it is being deleted, whatever else of the group changes or is missing. */
function recordRemotes({ status = {} }: SecurityGroup, rules: readonly LogicalRule[]): void {
  const uids = rules.flatMap(
    ({ remoteGroupUid, remoteAddressGroupUid }) => remoteGroupUid ?? remoteAddressGroupUid ?? [],
  )
  if (uids.length > 0) status.remoteUIDs = [...new Set(uids)]
  else delete status.remoteUIDs
}
