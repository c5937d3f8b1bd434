// SPDX-License-Identifier: Apache-2.0
import { REACHABILITY } from '../../../lib/api/kinds.ts'
import type { Reachability } from '../../../lib/api/types.ts'
import { keyOfObject, type KubeObject } from '../../../lib/kube/object.ts'
import { watchOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import { readinessOf } from '../../../lib/loop/readiness.ts'
import { informerOf, type KindName, type OperatorInformers } from '../../kind/row.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { reconcileReachability } from './reconcile.ts'

/** What an answer hangs on beside what the question names. */
const INVOLVED = [
  'ports',
  'securityGroups',
  'routers',
  'firewallGroups',
  'firewallPolicies',
  'floatingIPs',
] as const satisfies KindName[]

export function reachabilityController(
  deps: OperatorDeps,
  informers: OperatorInformers,
): ControllerDefinition<Reachability> {
  /** Those that wait in the object's namespace: what others write is waited for by nobody. */
  const unanswered = ({ metadata }: KubeObject) =>
    deps.caches.reachabilities.listBy('unanswered', metadata.namespace ?? '').map(keyOfObject)
  return {
    name: 'reachability',
    kind: REACHABILITY,
    watches: INVOLVED.map((name) => watchOf(informerOf(name, informers), unanswered)),
    // Each has OVN's tables read anew.
    concurrency: 1,
    reconcile: (reachability, run) => reconcileReachability(reachability, deps, run),
    readiness: (reachability, result) => {
      const { state, reachable, stoppedBy } = reachability.status ?? {}
      const usual = readinessOf(reachability, result)
      // It waits for nothing but its end.
      if (state === 'Failed') return { ...usual, reconciling: false, stalled: true }
      if (!usual.ready || state !== 'Succeeded') return usual
      const message = reachable === true ? 'the request gets there, and its answer back' : (stoppedBy?.message ?? '')
      return { ...usual, reason: 'Answered', message }
    },
  }
}
