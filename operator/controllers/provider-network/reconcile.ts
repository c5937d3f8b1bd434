// SPDX-License-Identifier: Apache-2.0
import type { ProviderNetwork } from '../../../lib/api/types.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { done, released, type Outcome } from '../../../lib/outcome.ts'
import { waitForHolders } from '../../kind/holders.ts'

export function reconcileProviderNetwork(
  providerNetwork: ProviderNetwork,
  deps: Pick<OperatorDeps, 'caches'>,
): Outcome {
  const status = (providerNetwork.status ??= {})
  if (providerNetwork.metadata.deletionTimestamp !== undefined) {
    status.state = 'DELETING'
    return waitForHolders('providerNetworks', providerNetwork, deps.caches) ?? released
  }
  status.state = 'ACTIVE'
  return done
}
