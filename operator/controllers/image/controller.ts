// SPDX-License-Identifier: Apache-2.0
import { FINALIZER, IMAGE } from '../../../lib/api/kinds.ts'
import type { Image } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { watchOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import { guarded } from '../common/definition.ts'
import type { OperatorDeps, OperatorInformers } from '../common/deps.ts'
import { instanceIndexes } from '../common/indexes.ts'
import { reconcileImage } from './reconcile.ts'

export function imageController(deps: OperatorDeps, informers: OperatorInformers): ControllerDefinition<Image> {
  const { images } = deps.caches
  const isDeleting = (key: string) => images.findByKey(key)?.metadata.deletionTimestamp !== undefined
  return {
    name: 'image',
    kind: IMAGE,
    finalizer: FINALIZER,
    watches: [
      watchOf(informers.instances, (instance) => instanceIndexes.image(instance).filter(isDeleting)),
      watchOf(informers.computeNodes, function* (node) {
        yield* images.listBy('importNode', node.metadata.name).map(keyOfObject)
        for (const image of images.listBy('unplaced', 'true')) yield keyOfObject(image)
      }),
    ],
    reconcile: guarded(deps, (image, run) => reconcileImage(image, deps, run), 'killed'),
  }
}
