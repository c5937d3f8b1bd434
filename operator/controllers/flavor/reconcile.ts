// SPDX-License-Identifier: Apache-2.0
import type { Flavor } from '../../../lib/api/types.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { done, released, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { listHolders, namesOfUsers } from '../../kind/holders.ts'

/** A Flavor is only data. It can go once no unplaced machine names it; a placed machine keeps its size in its status. */
export function reconcileFlavor(flavor: Flavor, deps: Pick<OperatorDeps, 'caches'>): Outcome {
  const status = (flavor.status ??= {})
  if (flavor.metadata.deletionTimestamp === undefined) {
    status.state = 'ACTIVE'
    return done
  }
  status.state = 'DELETING'
  const [waiting] = listHolders('flavors', flavor, deps.caches)
  return waiting ? waitFor('InUse', `still to be placed: ${namesOfUsers(...waiting)}`) : released
}
