// SPDX-License-Identifier: Apache-2.0
import { FINALIZER, REACHABILITY } from '../../../lib/api/kinds.ts'
import type { Reachability } from '../../../lib/api/types.ts'
import { keyOfObject, type KubeObject } from '../../../lib/kube/object.ts'
import { watchOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import { informerOf, type KindName, type OperatorInformers } from '../../kind/row.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { readinessOfQuestion } from '../common/finished.ts'
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

function nodeOf(reachability: KubeObject): string | undefined {
  return (reachability as Reachability).status?.node
}

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
    finalizer: FINALIZER,
    watches: [
      ...INVOLVED.map((name) => watchOf(informerOf(name, informers), unanswered)),
      // The probe of another one is over.
      {
        ...watchOf(informers.reachabilities, () =>
          deps.caches.reachabilities.listBy('toProbe', 'true').map(keyOfObject),
        ),
        when: (old, now) => nodeOf(old) !== undefined && nodeOf(now) === undefined,
      },
    ],
    // Each has OVN's tables read anew.
    concurrency: 1,
    reconcile: (reachability, run) => reconcileReachability(reachability, deps, run),
    readiness: (reachability, result) =>
      readinessOfQuestion(reachability, result, () => {
        const { reachable, stoppedBy, probe } = reachability.status ?? {}
        const verdict = reachable === true ? 'the request gets there, and its answer back' : (stoppedBy?.message ?? '')
        return probe ? `${verdict}; probe: ${probe.message}` : verdict
      }),
  }
}
