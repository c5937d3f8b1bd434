// SPDX-License-Identifier: Apache-2.0
import type { QoSPolicy } from '../../../lib/api/types.ts'
import type { LogicalQoS } from '../../network/logical-kinds.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { ownerOf } from '../common/logical-owner.ts'
import { limitsOf } from './limits.ts'
import { recordPolicy, type PolicyUser } from './users.ts'

/** Realises the policy, or none, for traffic of the user, and records it. @throws TransientError while the network's row is missing */
export async function applyPolicy(
  user: PolicyUser,
  policy: QoSPolicy | undefined,
  at: Pick<LogicalQoS, 'networkUid' | 'target'>,
  { network }: Pick<OperatorDeps, 'network'>,
  signal: AbortSignal,
): Promise<void> {
  const limits = policy && limitsOf(policy)
  if (limits) await network.ensure({ kind: 'QoS', ...ownerOf(user), ...at, ...limits }, signal)
  else await network.remove('QoS', user.metadata.uid, signal)
  recordPolicy(user, policy)
}

/** Nothing of its traffic is limited or marked any more. */
export async function removePolicy(
  user: PolicyUser,
  { network }: Pick<OperatorDeps, 'network'>,
  signal: AbortSignal,
): Promise<void> {
  await network.remove('QoS', user.metadata.uid, signal)
  recordPolicy(user, undefined)
}
