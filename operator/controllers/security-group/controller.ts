// SPDX-License-Identifier: Apache-2.0
import { FINALIZER, SECURITY_GROUP } from '../../../lib/api/kinds.ts'
import type { SecurityGroup } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { watchOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import { guarded } from '../common/definition.ts'
import type { OperatorDeps, OperatorInformers } from '../common/deps.ts'
import { securityGroupIndexes } from '../common/indexes.ts'
import { securityGroupKeysOf } from '../port/groups.ts'
import { reconcileSecurityGroup } from './reconcile.ts'

export function securityGroupController(
  deps: OperatorDeps,
  informers: OperatorInformers,
): ControllerDefinition<SecurityGroup> {
  const { securityGroups } = deps.caches
  const isDeleting = (key: string) => securityGroups.findByKey(key)?.metadata.deletionTimestamp !== undefined
  return {
    name: 'security-group',
    kind: SECURITY_GROUP,
    finalizer: FINALIZER,
    watches: [
      watchOf(informers.ports, (port) => securityGroupKeysOf(port).filter(isDeleting)),
      watchOf(informers.securityGroups, (group) =>
        securityGroups.listBy('remoteGroup', keyOfObject(group)).map(keyOfObject),
      ),
      // Those that it names, or named: one of them may wait for it.
      watchOf(informers.securityGroups, (group) => securityGroupIndexes.remoteGroup(group).filter(isDeleting)),
    ],
    reconcile: guarded(deps, (group, run) => reconcileSecurityGroup(group, deps, run), 'ERROR'),
  }
}
