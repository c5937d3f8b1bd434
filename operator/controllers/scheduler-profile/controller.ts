// SPDX-License-Identifier: Apache-2.0
import { FINALIZER, SCHEDULER_PROFILE } from '../../../lib/api/kinds.ts'
import type { SchedulerProfile } from '../../../lib/api/types.ts'
import type { ControllerDefinition } from '../../../lib/loop/controller.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { reconcileSchedulerProfile } from './reconcile.ts'

export function schedulerProfileController(deps: OperatorDeps): ControllerDefinition<SchedulerProfile> {
  return {
    name: 'scheduler-profile',
    kind: SCHEDULER_PROFILE,
    finalizer: FINALIZER,
    reconcile: async (schedulerProfile) => reconcileSchedulerProfile(schedulerProfile, deps),
    errorState: 'ERROR',
  }
}
