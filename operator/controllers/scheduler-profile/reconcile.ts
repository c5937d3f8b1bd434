// SPDX-License-Identifier: Apache-2.0
import type { SchedulerProfile } from '../../../lib/api/types.ts'
import { TerminalError } from '../../../lib/errors.ts'
import { done, released, type Outcome } from '../../../lib/outcome.ts'
import { waitForHolders } from '../../kind/holders.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { compiled } from './policy-for.ts'

/** A profile is used as soon as it is seen; here it says whether it can be. @throws TerminalError `InvalidProfile` */
export function reconcileSchedulerProfile(profile: SchedulerProfile, deps: Pick<OperatorDeps, 'caches'>): Outcome {
  const status = (profile.status ??= {})
  if (profile.metadata.deletionTimestamp !== undefined) {
    status.state = 'DELETING'
    return waitForHolders('schedulerProfiles', profile, deps.caches) ?? released
  }
  const result = compiled(profile)
  if (!result.ok) {
    const message = `${result.field}: ${result.why}. Machines that are to be placed by it wait until that is mended`
    throw new TerminalError('InvalidProfile', message)
  }
  status.state = 'ACTIVE'
  return done
}
