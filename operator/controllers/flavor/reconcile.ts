// SPDX-License-Identifier: Apache-2.0
import type { Flavor } from '../../../lib/api/types.ts'
import { done, released, type Outcome } from '../../../lib/outcome.ts'
import { waitForHolders } from '../../kind/holders.ts'
import type { OperatorDeps } from '../common/deps.ts'

/** A Flavor is only data, and no machine holds it: a placed one has its size in its status, any other waits for a Flavor of that name. */
export function reconcileFlavor(flavor: Flavor, deps: Pick<OperatorDeps, 'caches'>): Outcome {
  const isGoing = flavor.metadata.deletionTimestamp !== undefined
  flavor.status = { ...flavor.status, state: isGoing ? 'DELETING' : 'ACTIVE' }
  return isGoing ? (waitForHolders('flavors', flavor, deps.caches) ?? released) : done
}
