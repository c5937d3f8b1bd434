// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '../../lib/kube/object.ts'
import type { ControllerDefinition, Run } from '../../lib/loop/controller.ts'
import { resultOfFailure } from '../../lib/loop/readiness.ts'
import type { Outcome } from '../../lib/outcome.ts'

/** One run of a controller on an object. A failure is recorded on the object as by the loop, and rethrown. For tests. */
export async function runAsLoop<T extends KubeObject>(
  definition: ControllerDefinition<T>,
  object: T,
  run: Run,
): Promise<Outcome> {
  try {
    return await definition.reconcile(object, run)
  } catch (error) {
    resultOfFailure(definition, object, error, 1)
    throw error
  }
}
