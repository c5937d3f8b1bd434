// SPDX-License-Identifier: Apache-2.0
import type { OperatorDeps } from '../controllers/common/deps.ts'
import { defineControllers } from '../controllers/all.ts'
import type { Controllers } from '../leadership/look-again.ts'
import type { MemoryWorld } from './memory-deps.ts'

/** What comes from outside of Kubernetes wakes these controllers, as it wakes loops. For tests. @returns ends it */
export function connectSources(
  { deps, stores }: { deps: OperatorDeps; stores: MemoryWorld['stores'] },
  controllers: Controllers,
): () => void {
  // Informers are only told apart here, never asked.
  const definitions = defineControllers(deps, stores as never, {})
  const ends = definitions.flatMap(([name, { sources = [] }]) =>
    sources.map((subscribe) => subscribe(controllers[name])),
  )
  return () => {
    for (const end of ends) end()
  }
}
