// SPDX-License-Identifier: Apache-2.0
import type { Flavor, Instance } from '../../../lib/api/types.ts'
import type { Cache } from '../../../lib/informer/cache.ts'
import { done, released, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { namesOfUsers } from '../common/in-use.ts'

/** A flavor is data. It goes once no machine has still to be placed with it; a placed one keeps its size in its status. */
export function reconcileFlavor(flavor: Flavor, deps: { caches: { instances: Cache<Instance> } }): Outcome {
  const status = (flavor.status ??= {})
  if (flavor.metadata.deletionTimestamp === undefined) {
    status.state = 'ACTIVE'
    return done
  }
  status.state = 'DELETING'
  const waiting = deps.caches.instances
    .listBy('flavor', flavor.metadata.name)
    .filter((i) => i.status?.flavor === undefined)
  return waiting.length === 0 ? released : waitFor('InUse', `still to be placed: ${namesOfUsers('Instance', waiting)}`)
}
