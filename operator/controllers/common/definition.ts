// SPDX-License-Identifier: Apache-2.0
import { isTerminal, StaleWriterError } from '../../../lib/errors.ts'
import type { KubeObject } from '../../../lib/kube/object.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import type { Outcome } from '../../../lib/outcome.ts'
import type { OperatorDeps } from './deps.ts'

/**
 * Of what a machine is made of: so long a stage of its way may last before it is written. A slow host writes no more than a fast one,
 * and nobody asks sooner (docs/decisions/0021).
 */
export const STAGE_SETTLE_MS = 3_000

type StateOf<T extends KubeObject> = T extends { status?: { state?: infer S } } ? S : never

/**
 * What every controller of ours does around its reconcile: nothing at all while the store may have gone back in time, without a word
 * on the object (the Cloud has it), and the state's word for a failure that only a person can help with.
 */
export function guarded<T extends KubeObject>(
  deps: Pick<OperatorDeps, 'regression' | 'writer'>,
  reconcile: (object: T, run: Run) => Promise<Outcome>,
  errorState?: StateOf<T>,
): (object: T, run: Run) => Promise<Outcome> {
  return async (object, run) => {
    if (deps.regression.isHolding(deps.writer())) throw new StaleWriterError('the store may have gone back in time')
    try {
      return await reconcile(object, run)
    } catch (error) {
      if (isTerminal(error) && errorState !== undefined)
        object.status = { ...(object.status as object), state: errorState }
      throw error
    }
  }
}
