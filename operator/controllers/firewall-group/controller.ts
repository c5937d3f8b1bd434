// SPDX-License-Identifier: Apache-2.0
import { FINALIZER, FIREWALL_GROUP } from '../../../lib/api/kinds.ts'
import type { FirewallGroup, Router } from '../../../lib/api/types.ts'
import { keyOfObject, type ObjectKey } from '../../../lib/kube/object.ts'
import { watchOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import { keyOf, targetKeysOf } from '../../kind/references.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { routers as routersOfGroup } from './kind.ts'
import { reconcileFirewallGroup } from './reconcile.ts'

export function firewallGroupController(
  deps: OperatorDeps,
  informers: OperatorInformers,
): ControllerDefinition<FirewallGroup> {
  const { firewallGroups, routers } = deps.caches
  const onRouter = (key: ObjectKey) => firewallGroups.listBy('routers', key).map(keyOfObject)
  return {
    name: 'firewall-group',
    kind: FIREWALL_GROUP,
    finalizer: FINALIZER,
    watches: [
      // One that stands at the same port may have gone from it.
      watchOf(informers.firewallGroups, (group) => routersBefore(group).flatMap(onRouter)),
      // A Router has its addresses.
      watchOf(informers.ports, ({ metadata }) =>
        routers.listBy('portLegUID', metadata.uid).flatMap((router) => onRouter(keyOfObject(router))),
      ),
    ],
    sources: [
      // The rows of its router can be written to now.
      ({ enqueue }) =>
        deps.network.onMade(({ kind, uid }) => {
          const router: Router | undefined = kind === 'Router' ? routers.findByUid(uid) : undefined
          for (const key of router ? onRouter(keyOfObject(router)) : []) enqueue(key)
        }),
    ],
    reconcile: (group, run) => reconcileFirewallGroup(group, deps, run),
    errorState: 'ERROR',
  }
}

/** Those where it should stand, and those where it does. */
function routersBefore(group: FirewallGroup): ObjectKey[] {
  const standing = (group.status?.ports ?? []).map(({ router }) => keyOf({ name: router }, group.metadata.namespace))
  return [...new Set([...targetKeysOf(routersOfGroup, group), ...standing])]
}
