// SPDX-License-Identifier: Apache-2.0
import type { Instance } from '../../../lib/api/types.ts'
import type { ObservedDocument } from '../../../lib/contract/documents.ts'

/** Of the schema: disks that a node may have made, without having said so. */
export const MOST_GIVEN = 4

/** The highest number of a root disk, or of a rescue disk, that the machine was given at its place, as far as is known. Pure. */
export function highestRootDisk({ rootDisk = 0, rescue, rebuilds = [] }: NonNullable<Instance['status']>): number {
  return Math.max(rootDisk, rescue?.disk ?? 0, ...rebuilds.map((given) => given.rootDisk))
}

/** What the machine's node says of its root disks; undefined: it has said nothing of the machine at this place. Pure. */
export function saidOfRootDisks(
  { node, epoch = 0 }: NonNullable<Instance['status']>,
  observed: ObservedDocument | undefined,
): { has: number | undefined; rescue: number | undefined; settled: number } | undefined {
  if (node === undefined || observed?.versions.epoch !== epoch) return undefined
  const { rootDisk, rescueDisk, rootDisksSettled = 0 } = observed.facts
  return {
    ...{ has: rootDisk, rescue: rescueDisk },
    settled: Math.max(rootDisk ?? 0, rescueDisk ?? 0, rootDisksSettled),
  }
}

/** Whether its node says that it has refused this action. Pure. */
export function isRefused(actionUID: string, observed: ObservedDocument | undefined): boolean {
  const { action } = observed?.facts ?? {}
  return action?.uid === actionUID && action.result === 'Failed'
}
