// SPDX-License-Identifier: Apache-2.0
import { FINALIZER, KEY_PAIR } from '../../../lib/api/kinds.ts'
import type { KeyPair } from '../../../lib/api/types.ts'
import type { ControllerDefinition } from '../../../lib/loop/controller.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { reconcileKeyPair } from './reconcile.ts'

export function keyPairController(deps: OperatorDeps): ControllerDefinition<KeyPair> {
  return {
    name: 'key-pair',
    kind: KEY_PAIR,
    finalizer: FINALIZER,
    reconcile: async (keyPair) => reconcileKeyPair(keyPair, deps),
    errorState: 'ERROR',
  }
}
