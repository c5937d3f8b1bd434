// SPDX-License-Identifier: Apache-2.0
import { FINALIZER, PROVIDER_NETWORK } from '../../../lib/api/kinds.ts'
import type { ProviderNetwork } from '../../../lib/api/types.ts'
import type { ControllerDefinition } from '../../../lib/loop/controller.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { reconcileProviderNetwork } from './reconcile.ts'

export function providerNetworkController(deps: OperatorDeps): ControllerDefinition<ProviderNetwork> {
  return {
    name: 'provider-network',
    kind: PROVIDER_NETWORK,
    finalizer: FINALIZER,
    reconcile: async (providerNetwork) => reconcileProviderNetwork(providerNetwork, deps),
    errorState: 'ERROR',
  }
}
