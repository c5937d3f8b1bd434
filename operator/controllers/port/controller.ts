// SPDX-License-Identifier: Apache-2.0
import { FINALIZER, PORT } from '../../../lib/api/kinds.ts'
import type { Port } from '../../../lib/api/types.ts'
import type { ControllerDefinition } from '../../../lib/loop/controller.ts'
import { STAGE_SETTLE_MS } from '../common/stage-settle.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { withNetworkCause } from '../common/network-cause.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import { reconcilePort } from './reconcile.ts'
import { portSources, portWatches } from './wakes.ts'

export function portController(deps: OperatorDeps, informers: OperatorInformers): ControllerDefinition<Port> {
  return {
    name: 'port',
    kind: PORT,
    finalizer: FINALIZER,
    watches: portWatches(deps, informers),
    sources: portSources(deps),
    concurrency: 16,
    settleMs: STAGE_SETTLE_MS,
    reconcile: async (port, run) => withNetworkCause(await reconcilePort(port, deps, run), deps.network),
    errorState: 'ERROR',
    forget: (_key, port) => void deps.deletions.delete(port.metadata.uid),
  }
}
