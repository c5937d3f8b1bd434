// SPDX-License-Identifier: Apache-2.0
import { FINALIZER, ROUTER } from '../../../lib/api/kinds.ts'
import type { Router } from '../../../lib/api/types.ts'
import type { ControllerDefinition } from '../../../lib/loop/controller.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { reconcileRouter } from './reconcile.ts'
import { routerSources, routerWatches } from './wakes.ts'

export function routerController(deps: OperatorDeps, informers: OperatorInformers): ControllerDefinition<Router> {
  return {
    name: 'router',
    kind: ROUTER,
    finalizer: FINALIZER,
    watches: routerWatches(deps, informers),
    sources: routerSources(deps),
    reconcile: (router, run) => reconcileRouter(router, deps, run),
    errorState: 'ERROR',
  }
}
