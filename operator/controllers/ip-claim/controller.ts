// SPDX-License-Identifier: Apache-2.0
import { IP_CLAIM } from '../../../lib/api/kinds.ts'
import type { IPClaim } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { watchOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { reconcileIPClaim } from './reconcile.ts'
import type { OperatorInformers } from '../../kind/row.ts'

/** Releases addresses that nobody has: left by a crash between two writes, or by objects that were removed by force. */
export function ipClaimController(deps: OperatorDeps, informers: OperatorInformers): ControllerDefinition<IPClaim> {
  const blocksBy = (index: string, value: string) => deps.caches.ipClaims.listBy(index, value).map(keyOfObject)
  return {
    name: 'ip-claim',
    kind: IP_CLAIM,
    conditions: 'none',
    watches: [
      watchOf(informers.ports, (port) => blocksBy('port', keyOfObject(port))),
      watchOf(informers.routers, ({ metadata }) => blocksBy('owner', metadata.uid)),
      watchOf(informers.floatingIPs, ({ metadata }) => blocksBy('owner', metadata.uid)),
      watchOf(informers.loadBalancers, ({ metadata }) => blocksBy('owner', metadata.uid)),
      watchOf(informers.instances, ({ metadata }) => blocksBy('instance', metadata.uid)),
    ],
    reconcile: (claim, run) => reconcileIPClaim(claim, deps, run),
  }
}
