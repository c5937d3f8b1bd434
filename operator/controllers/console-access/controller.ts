// SPDX-License-Identifier: Apache-2.0
import { CONSOLE_ACCESS } from '../../../lib/api/kinds.ts'
import type { ConsoleAccess } from '../../../lib/api/types.ts'
import { keyOfObject, type ObjectKey } from '../../../lib/kube/object.ts'
import type { ControllerDefinition } from '../../../lib/loop/controller.ts'
import { readinessOf } from '../../../lib/loop/readiness.ts'
import { watchOf } from '../../../lib/loop/controller.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { instanceKeyOf, isGiven, isOver } from './kind.ts'
import { reconcileConsoleAccess } from './reconcile.ts'

export function consoleAccessController(
  deps: OperatorDeps,
  informers: OperatorInformers,
): ControllerDefinition<ConsoleAccess> {
  const { consoleAccesses, instances } = deps.caches
  const ofInstance = (key: string): ObjectKey[] => consoleAccesses.listBy('instance', key).map(keyOfObject)
  return {
    name: 'console-access',
    kind: CONSOLE_ACCESS,
    watches: [
      // One that is over, or goes, makes room for another of its machine.
      {
        ...watchOf(informers.consoleAccesses, (access) => ofInstance(instanceKeyOf(access))),
        when: (old, now) => isGiven(old as ConsoleAccess) && !isGiven(now as ConsoleAccess),
      },
    ],
    sources: [
      ({ enqueue }) =>
        deps.bus.observed.onChange(({ kind, uid }) => {
          if (kind !== 'instance') return
          for (const access of consoleAccesses.listBy('given', uid)) enqueue(keyOfObject(access))
        }),
      // A node that is silent, or heard again.
      ({ enqueue }) =>
        deps.bus.heartbeats.onChange((nodes) => {
          for (const node of nodes)
            for (const machine of instances.listBy('node', node))
              for (const key of ofInstance(keyOfObject(machine))) enqueue(key)
        }),
    ],
    reconcile: (access, run) => reconcileConsoleAccess(access, deps, run),
    errorState: 'Failed',
    readiness: (access, result) => {
      const usual = readinessOf(access, result)
      // It waits for nothing but its end.
      return isOver(access) ? { ...usual, reconciling: false, stalled: access.status?.state === 'Failed' } : usual
    },
  }
}
