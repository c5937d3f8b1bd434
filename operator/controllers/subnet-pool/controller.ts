// SPDX-License-Identifier: Apache-2.0
import { FINALIZER, SUBNET_POOL } from '../../../lib/api/kinds.ts'
import type { SubnetPool } from '../../../lib/api/types.ts'
import { watchOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import { targetKeysOf } from '../../kind/references.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { pool as poolOfSubnet } from '../subnet/kind.ts'
import { reconcileSubnetPool } from './reconcile.ts'

export function subnetPoolController(
  deps: OperatorDeps,
  informers: OperatorInformers,
): ControllerDefinition<SubnetPool> {
  return {
    name: 'subnet-pool',
    kind: SUBNET_POOL,
    finalizer: FINALIZER,
    watches: [
      // One may have gone without giving back its range: it is being deleted when it is last seen.
      {
        ...watchOf(informers.subnets, (subnet) =>
          subnet.metadata.deletionTimestamp === undefined ? [] : targetKeysOf(poolOfSubnet, subnet),
        ),
        when: () => false,
      },
    ],
    reconcile: (pool, run) => reconcileSubnetPool(pool, deps, run),
    errorState: 'ERROR',
  }
}
