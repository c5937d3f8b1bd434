// SPDX-License-Identifier: Apache-2.0
import { ADDRESS_SCOPE, FINALIZER } from '../../../lib/api/kinds.ts'
import type { AddressScope } from '../../../lib/api/types.ts'
import { watchOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import { targetKeysOf } from '../../kind/references.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { scope as scopeOfPool } from '../subnet-pool/kind.ts'
import { reconcileAddressScope } from './reconcile.ts'

export function addressScopeController(
  deps: OperatorDeps,
  informers: OperatorInformers,
): ControllerDefinition<AddressScope> {
  return {
    name: 'address-scope',
    kind: ADDRESS_SCOPE,
    finalizer: FINALIZER,
    watches: [
      // One may have gone without giving back its prefixes: it is being deleted when it is last seen.
      {
        ...watchOf(informers.subnetPools, (pool) =>
          pool.metadata.deletionTimestamp === undefined ? [] : targetKeysOf(scopeOfPool, pool),
        ),
        when: () => false,
      },
    ],
    reconcile: (scope, run) => reconcileAddressScope(scope, deps, run),
    errorState: 'ERROR',
  }
}
