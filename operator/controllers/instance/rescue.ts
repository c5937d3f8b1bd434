// SPDX-License-Identifier: Apache-2.0
// From which rescue disk a machine boots, as its node says, and of what Image that is (docs/decisions/0080).
import type { Instance, InstanceAction } from '../../../lib/api/types.ts'
import { findCondition, setCondition } from '../../../lib/conditions.ts'
import type { MachineRescue, ObservedDocument } from '../../../lib/contract/documents.ts'
import type { Caches } from '../../kind/row.ts'
import { toMachineRescue } from '../common/machine-rescue.ts'
import { isRefused, saidOfRootDisks } from '../common/root-disk-numbers.ts'
import type { InstanceRun } from './deps.ts'

const RESCUED = 'Rescued'
type Given = NonNullable<NonNullable<Instance['status']>['rebuilds']>[number]

/**
 * To be called before what the machine was given is emptied of what is known. Pure but for `instance.status`.
 * @param running the action whose end was not heard yet
 */
export function recordRescue(
  instance: Instance,
  observed: ObservedDocument | undefined,
  running: InstanceAction | undefined,
  now: Date,
): void {
  const status = (instance.status ??= {})
  const { has, rescue, settled = 0 } = saidOfRootDisks(status, observed) ?? {}
  // Numbers only grow: this is an older report.
  if (has === undefined || has < (status.rootDisk ?? 0) || settled < (status.rescue?.disk ?? 0)) return
  if (rescue === undefined) {
    delete status.rescue
    return
  }
  if (status.rescue?.disk === rescue) return
  const given = [...listGiven(status), ...givenBy(running)].find(({ rootDisk }) => rootDisk === rescue)
  // What the node refused it had under that number before.
  const from = given && !isRefused(given.actionUID, observed) ? given : undefined
  status.rescue = {
    ...{ disk: rescue, since: now.toISOString() },
    ...(from ? { image: from.image, actionUID: from.actionUID } : {}),
  }
}

function listGiven({ rebuilds = [] }: NonNullable<Instance['status']>): Given[] {
  return rebuilds.filter(({ isRescue }) => isRescue === true)
}

/** What it was given may have been known to the action alone, when the store was restored. */
function givenBy(action: InstanceAction | undefined): Given[] {
  const { image, rootDisk } = action?.status ?? {}
  if (action?.spec.type !== 'Rescue' || !image || rootDisk === undefined) return []
  return [{ rootDisk, actionUID: action.metadata.uid, image }]
}

/** What its document says of it; undefined: it is in none, or its Image is not known any more. */
export function findRescue({ status = {} }: Instance, caches: Pick<Caches, 'images'>): MachineRescue | undefined {
  const { rescue } = status
  return rescue?.image && toMachineRescue({ disk: rescue.disk, image: rescue.image }, status, caches)
}

/** That, and how it ends. */
export function sayRescued(instance: Instance, { now }: Pick<InstanceRun, 'now'>): void {
  const status = (instance.status ??= {})
  const { rescue, node } = status
  if (!rescue || node === undefined) {
    if (findCondition(status.conditions, RESCUED))
      status.conditions = (status.conditions ?? []).filter(({ type }) => type !== RESCUED)
    return
  }
  const from = rescue.image
    ? `a disk of Image ${rescue.image.namespace}/${rescue.image.name}`
    : `rescue disk ${rescue.disk}, of an Image that is not known here (a restored store)`
  const message = `the machine boots from ${from}, with its own root disk beside it, also after a stop and a start: an InstanceAction of type Unrescue has it boot from its own again, and takes the other one away`
  const update = { type: RESCUED, status: 'True', reason: 'BootsFromRescueDisk', message } as const
  status.conditions = setCondition(status.conditions, update, instance.metadata.generation, now)
}
