// SPDX-License-Identifier: Apache-2.0
import { ADDRESS_GROUP, FINALIZER } from '../../../lib/api/kinds.ts'
import type { AddressGroup } from '../../../lib/api/types.ts'
import type { ControllerDefinition } from '../../../lib/loop/controller.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { reconcileAddressGroup } from './reconcile.ts'

export function addressGroupController(deps: OperatorDeps): ControllerDefinition<AddressGroup> {
  return {
    name: 'address-group',
    kind: ADDRESS_GROUP,
    finalizer: FINALIZER,
    reconcile: (group, run) => reconcileAddressGroup(group, deps, run),
    errorState: 'ERROR',
  }
}
