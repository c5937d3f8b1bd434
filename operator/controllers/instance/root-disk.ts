// SPDX-License-Identifier: Apache-2.0
// What a machine's root disk was made from, as its node says, and what it may be made from next (docs/decisions/0066).
import type { Instance, InstanceAction } from '../../../lib/api/types.ts'
import { findCondition, setCondition } from '../../../lib/conditions.ts'
import type { ObservedDocument } from '../../../lib/contract/documents.ts'
import type { Caches } from '../../kind/row.ts'
import type { MadeFrom } from '../common/machine-image.ts'
import { highestRootDisk, isRefused, MOST_GIVEN, saidOfRootDisks } from '../common/root-disk-numbers.ts'
import type { InstanceRun } from './deps.ts'

export const REBUILD_PENDING = 'RebuildPending'

/** The Rebuild or Rescue that was given to the machine where it is. */
export function findDiskMaker(
  { metadata, status }: Instance,
  { instanceActions }: Pick<Caches, 'instanceActions'>,
): InstanceAction | undefined {
  return instanceActions
    .listBy('running', metadata.uid)
    .find(
      (action) =>
        (action.spec.type === 'Rebuild' || action.spec.type === 'Rescue') &&
        action.status?.node === status?.node &&
        action.status?.epoch === status?.epoch,
    )
}

/**
 * Which root disk it has is its node's word, and which of those that it was given will not be made any more; of what each is to be made is the operator's own.
 * Pure but for `instance.status`.
 * @param running the action whose end was not heard yet: its node is asked until then
 */
export function recordRootDisk(
  instance: Instance,
  observed: ObservedDocument | undefined,
  running: Pick<InstanceAction, 'metadata'> | undefined,
): void {
  const status = (instance.status ??= {})
  const { has, settled = 0 } = saidOfRootDisks(status, observed) ?? {}
  const had = status.rootDisk ?? 0
  // Numbers only grow: this is an older report.
  if (has === undefined || has < had) return
  const { rebuilds = [] } = status
  if (has > had) {
    const made = rebuilds.find((given) => given.rootDisk === has && given.isRescue !== true)
    status.rootDisk = has
    // What the node refused it had under that number before.
    if (made && !isRefused(made.actionUID, observed)) status.image = made.image
    else delete status.image
  }
  const open = rebuilds.filter(({ rootDisk, actionUID }) => rootDisk > settled || actionUID === running?.metadata.uid)
  if (open.length === 0) delete status.rebuilds
  else if (open.length < rebuilds.length) status.rebuilds = open
}

/**
 * Takes up what an InstanceAction was given: from then on its Image is held, whatever becomes of the action.
 * @returns whether that must be saved before the node is told
 */
export function takeRebuild(instance: Instance, action: InstanceAction | undefined): boolean {
  const status = (instance.status ??= {})
  const { image, rootDisk } = action?.status ?? {}
  if (!action || !image || rootDisk === undefined || rootDisk <= highestRootDisk(status)) return false
  if ((status.rebuilds ?? []).length >= MOST_GIVEN) return false
  const isRescue = action.spec.type === 'Rescue'
  const given = { rootDisk, actionUID: action.metadata.uid, image, ...(isRescue ? { isRescue } : {}) }
  status.rebuilds = [...(status.rebuilds ?? []), given]
  return true
}

/** That a machine was made from another Image than its spec names now. */
export function sayRebuild(instance: Instance, { now }: Pick<InstanceRun, 'now'>): void {
  const status = (instance.status ??= {})
  const message = whyRebuild(instance)
  if (message === undefined) {
    if (findCondition(status.conditions, REBUILD_PENDING))
      status.conditions = (status.conditions ?? []).filter(({ type }) => type !== REBUILD_PENDING)
    return
  }
  const reason = status.image ? 'OtherImage' : 'ImageUnknown'
  const update = { type: REBUILD_PENDING, status: 'True', reason, message } as const
  status.conditions = setCondition(status.conditions, update, instance.metadata.generation, now)
}

const HELP = 'an InstanceAction of type Rebuild makes it anew from that, and loses what is on it'

function whyRebuild({ spec, status = {}, metadata }: Instance): string | undefined {
  if (status.node === undefined) return undefined
  const { image, rootDisk } = status
  const named = keyOfImage({ namespace: spec.imageRef.namespace ?? metadata.namespace ?? '', name: spec.imageRef.name })
  if (!image && rootDisk !== undefined)
    return `node ${status.node} has root disk ${rootDisk}, and what that was made from is not known here (a restored store, or an Image that is gone): spec.imageRef names ${named}; ${HELP}`
  if (!image || keyOfImage(image) === named) return undefined
  return `the root disk was made from Image ${keyOfImage(image)}, and spec.imageRef names ${named}: ${HELP}; so does a new place without the old disk`
}

/** For people, and to compare. */
function keyOfImage({ namespace, name }: Pick<MadeFrom, 'namespace' | 'name'>): string {
  return `${namespace}/${name}`
}
