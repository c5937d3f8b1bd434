// SPDX-License-Identifier: Apache-2.0
import type { AddressGroup } from '../../../lib/api/types.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, released, type Outcome } from '../../../lib/outcome.ts'
import { waitForHolders } from '../../kind/holders.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { ownerOf } from '../common/logical-owner.ts'

export async function reconcileAddressGroup(
  group: AddressGroup,
  deps: Pick<OperatorDeps, 'caches' | 'network'>,
  run: Pick<Run, 'signal'>,
): Promise<Outcome> {
  const status = (group.status ??= {})
  const want = { kind: 'AddressGroup', ...ownerOf(group), addresses: group.spec.addresses ?? [] } as const
  if (group.metadata.deletionTimestamp !== undefined) {
    status.state = 'DELETING'
    const users = waitForHolders('addressGroups', group, deps.caches)
    // While in use it is kept in the backend too, whose database may have been lost meanwhile.
    if (users) await deps.network.ensure(want, run.signal)
    else await deps.network.remove('AddressGroup', group.metadata.uid, run.signal)
    return users ?? released
  }
  await deps.network.ensure(want, run.signal)
  status.state = 'ACTIVE'
  return done
}
