// SPDX-License-Identifier: Apache-2.0
import { FINALIZER, KEY_PAIR } from '../../../lib/api/kinds.ts'
import type { KeyPair } from '../../../lib/api/types.ts'
import { watchOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import type { OperatorDeps, OperatorInformers } from '../common/deps.ts'
import { guarded } from '../common/definition.ts'
import { instanceIndexes } from '../common/indexes.ts'
import { reconcileKeyPair } from './reconcile.ts'

export function keyPairController(deps: OperatorDeps, informers: OperatorInformers): ControllerDefinition<KeyPair> {
  return {
    name: 'key-pair',
    kind: KEY_PAIR,
    finalizer: FINALIZER,
    watches: [watchOf(informers.instances, instanceIndexes.keyPair)],
    reconcile: guarded(deps, async (keyPair) => reconcileKeyPair(keyPair, deps), 'ERROR'),
  }
}
