// SPDX-License-Identifier: Apache-2.0
import { IP_CLAIM } from '../../../lib/api/kinds.ts'
import type { IPClaim } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { watchOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import type { OperatorDeps, OperatorInformers } from '../common/deps.ts'
import { guarded } from '../common/definition.ts'
import { instanceIndexes } from '../common/indexes.ts'
import { reconcileIPClaim } from './reconcile.ts'

/** Removes what a crash between two writes can leave: claims that no port has. */
export function ipClaimController(deps: OperatorDeps, informers: OperatorInformers): ControllerDefinition<IPClaim> {
  const ofPort = (key: string) => deps.caches.ipClaims.listBy('port', key).map(keyOfObject)
  return {
    name: 'ip-claim',
    kind: IP_CLAIM,
    conditions: 'none',
    watches: [
      watchOf(informers.ports, (port) => ofPort(keyOfObject(port))),
      watchOf(informers.instances, (instance) => instanceIndexes.port(instance).flatMap(ofPort)),
    ],
    reconcile: guarded(deps, (claim, run) => reconcileIPClaim(claim, deps, run)),
  }
}
