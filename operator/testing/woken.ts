// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '../../lib/kube/object.ts'
import type { ControllerDefinition, Watch } from '../../lib/loop/controller.ts'
import type { OperatorDeps } from '../controllers/common/deps.ts'
import { withKindWakes } from '../kind/kind-wakes.ts'
import type { MemoryWorld } from './memory-deps.ts'
import type { Caches, OperatorInformers } from '../kind/row.ts'

/**
 * The keys that a change of an object wakes according to a controller's watches, sorted and unique; with `old`, only if the
 * change between the two matters. No loop runs. For tests.
 */
export function wokenBy<T extends KubeObject>(
  { deps, stores }: Pick<MemoryWorld, 'deps' | 'stores'>,
  make: (deps: OperatorDeps, informers: OperatorInformers) => ControllerDefinition<T>,
): (cache: keyof Caches, object: KubeObject, old?: KubeObject) => string[] {
  // Only compared by identity, never used.
  const informers = stores as unknown as OperatorInformers
  const { watches = [] } = withKindWakes(make(deps, informers), deps, informers)
  return (cache, object, old) => {
    const isFor = ({ source, when = () => true }: Watch) =>
      (source as unknown) === informers[cache] && (old === undefined || when(old, object))
    const ofIt = watches.filter(isFor)
    return [...new Set(ofIt.flatMap(({ keys }) => [...keys(object as never)]))].sort()
  }
}
