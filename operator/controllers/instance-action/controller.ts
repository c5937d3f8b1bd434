// SPDX-License-Identifier: Apache-2.0
import { INSTANCE_ACTION } from '../../../lib/api/kinds.ts'
import type { InstanceAction } from '../../../lib/api/types.ts'
import { keyOfObject, type KubeObject, type ObjectKey } from '../../../lib/kube/object.ts'
import { watchOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import { readinessOf } from '../../../lib/loop/readiness.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { isFinished } from '../common/finished.ts'
import { instanceKeyOf } from './kind.ts'
import { reconcileInstanceAction } from './reconcile.ts'

export function instanceActionController(
  deps: OperatorDeps,
  informers: OperatorInformers,
): ControllerDefinition<InstanceAction> {
  const { instanceActions, instances } = deps.caches
  /** Those of a machine that are not over. */
  const ofInstance = (key: string): ObjectKey[] => instanceActions.listBy('instance', key).map(keyOfObject)
  return {
    name: 'instance-action',
    kind: INSTANCE_ACTION,
    watches: [
      // One that is over, or goes, lets the next of its machine begin.
      watchOf(informers.instanceActions, (action: KubeObject) => ofInstance(instanceKeyOf(action as InstanceAction))),
    ],
    sources: [
      ({ enqueue }) =>
        deps.bus.observed.onChange(({ kind, uid }) => {
          if (kind !== 'instance') return
          for (const action of instanceActions.listBy('running', uid)) enqueue(keyOfObject(action))
        }),
      // A node that is silent, or heard again.
      ({ enqueue }) =>
        deps.bus.heartbeats.onChange((nodes) => {
          for (const node of nodes)
            for (const machine of instances.listBy('node', node))
              for (const key of ofInstance(keyOfObject(machine))) enqueue(key)
        }),
    ],
    forget: (_key, { metadata }) => deps.adminPasswords.forget(metadata.uid),
    reconcile: (action, run) => reconcileInstanceAction(action, deps, run),
    errorState: 'Failed',
    readiness: (action, result) => {
      const usual = readinessOf(action, result)
      if (!isFinished(action)) return usual
      // It waits for nothing but its end.
      if (action.status?.state !== 'Succeeded') return { ...usual, reconciling: false, stalled: true }
      return usual.ready ? { ...usual, reason: 'Succeeded', message: 'done' } : usual
    },
  }
}
