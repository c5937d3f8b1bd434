// SPDX-License-Identifier: Apache-2.0
import type { DocumentKind } from '../../lib/contract/documents.ts'
import type { PlacedDeps } from './placed-deps.ts'

/** No owner of ours changes so often: what a node says beyond it is not believed. */
const MOST = 2 ** 31

/**
 * The epoch of a new owner: above the one before, and above what that node itself has acted on. A resource that was restored without its
 * status counts from nothing again, and the node that released its former self would refuse it for ever. Pure.
 */
export function nextEpoch(
  { kind, uid, node }: { kind: DocumentKind; uid: string; node: string },
  before: number | undefined,
  deps: Pick<PlacedDeps, 'bus'>,
): number {
  const said = deps.bus.observed.find(kind, uid, node)?.versions.epoch ?? 0
  return Math.max(before ?? 0, said < MOST ? said : 0) + 1
}
