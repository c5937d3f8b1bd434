// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util'
import { FINALIZER, SERVER_GROUP } from '../../../lib/api/kinds.ts'
import type { Instance, ServerGroup } from '../../../lib/api/types.ts'
import type { ControllerDefinition, Source } from '../../../lib/loop/controller.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { groupKeyOf } from '../common/server-group-key.ts'
import { STAGE_SETTLE_MS } from '../common/stage-settle.ts'
import { reconcileServerGroup } from './reconcile.ts'

/** Members that come in one burst are one write of the group's status, which is for people: no placement waits for it. */
const SETTLE_MS = STAGE_SETTLE_MS

export function serverGroupController(
  deps: OperatorDeps,
  informers: OperatorInformers,
): ControllerDefinition<ServerGroup> {
  return {
    name: 'server-group',
    kind: SERVER_GROUP,
    finalizer: FINALIZER,
    sources: [onMembers(informers)],
    reconcile: async (group) => reconcileServerGroup(group, deps),
  }
}

/** A member comes, goes, or gets another node. */
function onMembers(informers: OperatorInformers): Source {
  return ({ enqueue }) =>
    informers.instances.onChange(({ old, object }) => {
      if (isDeepStrictEqual(old && memberOf(old), object && memberOf(object))) return
      // What goes may be what its group waits for.
      const isLeaving = old?.status?.node !== undefined
      const keys = new Set([old, object].flatMap((instance) => (instance ? (groupKeyOf(instance) ?? []) : [])))
      for (const key of keys) enqueue(key, isLeaving ? 0 : SETTLE_MS)
    })
}

/** What its group shows of it. */
function memberOf(instance: Instance): unknown {
  return [groupKeyOf(instance), instance.metadata.uid, instance.status?.node]
}
