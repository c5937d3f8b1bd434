// SPDX-License-Identifier: Apache-2.0
import { FINALIZER, IMAGE } from '../../../lib/api/kinds.ts'
import type { Image } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { watchOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { followServers, watchReaders } from './controller-wakes.ts'
import { forgetReaders } from './publish-readers.ts'
import { reconcileImage } from './reconcile.ts'
import { dropAbandoned } from './stored.ts'
import type { OperatorInformers } from '../../kind/row.ts'

export function imageController(deps: OperatorDeps, informers: OperatorInformers): ControllerDefinition<Image> {
  return {
    name: 'image',
    kind: IMAGE,
    finalizer: FINALIZER,
    watches: [
      watchOf(informers.computeNodes, () => deps.caches.images.listBy('unplaced', 'true').map(keyOfObject)),
      watchReaders(deps, informers),
    ],
    // A node that was not heard before may be one that can import.
    sources: [
      followServers(deps),
      ({ enqueue }) =>
        deps.bus.heartbeats.onChange(() => {
          for (const image of deps.caches.images.listBy('unplaced', 'true')) enqueue(keyOfObject(image))
        }),
    ],
    beforeQuota: (image, run) => dropAbandoned(image, deps, run),
    reconcile: (image, run) => reconcileImage(image, deps, run),
    errorState: 'killed',
    forget: (_, { metadata }) => forgetReaders(metadata.uid, deps.bus.desired),
  }
}
