// SPDX-License-Identifier: Apache-2.0
import type { OperatorDeps } from '../controllers/common/deps.ts'
import { defineControllers } from '../controllers/all.ts'
import type { Controllers } from '../leadership/look-again.ts'
import { resourceKindOf, type OperatorInformers } from '../kind/row.ts'
import { KIND_NAMES } from '../kinds.ts'
import type { MemoryWorld } from './memory-deps.ts'

/** Has events from outside Kubernetes wake these controllers, as they wake loops. For tests. @returns a function that disconnects */
export function connectSources(
  { deps, stores }: { deps: OperatorDeps; stores: MemoryWorld['stores'] },
  controllers: Controllers,
): () => void {
  const informers = Object.fromEntries(
    KIND_NAMES.map((name) => [name, stores[name].asInformer(resourceKindOf(name))]),
  ) as unknown as OperatorInformers
  const definitions = defineControllers(deps, informers, {})
  const ends = definitions.flatMap(([name, { sources = [] }]) =>
    sources.map((subscribe) => subscribe(controllers[name])),
  )
  return () => {
    for (const end of ends) end()
  }
}
