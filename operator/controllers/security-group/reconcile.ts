// SPDX-License-Identifier: Apache-2.0
import { SECURITY_GROUP } from '../../../lib/api/kinds.ts'
import type { SecurityGroup } from '../../../lib/api/types.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, released, type Outcome } from '../../../lib/outcome.ts'
import { allMissing } from '../../kind/found.ts'
import { waitForHolders } from '../../kind/holders.ts'
import type { LogicalRule } from '../../network/logical-kinds.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { ownerOf } from '../common/logical-owner.ts'
import { askQuota, waitForQuota } from '../../quota/ask.ts'
import { amountsOf, isStateful } from './kind.ts'
import { logOf, resolveRules } from './rules.ts'

export type SecurityGroupDeps = Pick<OperatorDeps, 'caches' | 'network' | 'quotas'>

export async function reconcileSecurityGroup(
  group: SecurityGroup,
  deps: SecurityGroupDeps,
  run: Pick<Run, 'signal'>,
): Promise<Outcome> {
  const status = (group.status ??= {})
  const overQuota = group.metadata.deletionTimestamp === undefined ? followRules(group, deps) : undefined
  const { rules, lacks } = resolveRules(group, deps, status.rulesInForce)
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
  if (overQuota) return overQuota
  status.state = 'ACTIVE'
  return done
}

/** More rules than before need room in the project's Quota; until there is some, only as many are in force as were before. */
function followRules(group: SecurityGroup, { quotas }: SecurityGroupDeps): Outcome | undefined {
  const status = (group.status ??= {})
  const { uid, namespace = '' } = group.metadata
  const wanted = group.spec.rules?.length ?? 0
  const had = quotas.project(namespace).has(uid).securityGroupRules ?? 0
  const instead = `the first ${had} of spec.rules are in force`
  const refusal = askQuota(quotas, SECURITY_GROUP, group, amountsOf(wanted), instead)
  if (refusal) status.rulesInForce = had
  else delete status.rulesInForce
  return refusal && waitForQuota(refusal)
}

/** What its rules in force name: they keep it while it is being deleted, whatever else of the group changes or is missing. */
function recordRemotes({ status = {} }: SecurityGroup, rules: readonly LogicalRule[]): void {
  const uids = rules.flatMap(
    ({ remoteGroupUid, remoteAddressGroupUid }) => remoteGroupUid ?? remoteAddressGroupUid ?? [],
  )
  if (uids.length > 0) status.remoteUIDs = [...new Set(uids)]
  else delete status.remoteUIDs
}
