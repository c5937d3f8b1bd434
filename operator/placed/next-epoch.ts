// SPDX-License-Identifier: Apache-2.0
import type { DocumentKind } from '../../lib/contract/documents.ts'
import type { PlacedDeps } from './placed-deps.ts'

/** No owner changes this often: a node that reports a higher epoch is not believed. */
const MOST = 2 ** 31

export function isPossibleEpoch(epoch: number): boolean {
  return epoch < MOST
}

/**
 * The epoch of a new placement: above the previous one, and above what the node itself has acted on. A resource restored without its status
 * starts counting again, and a node that released it before the restore would refuse it for ever. Pure.
 */
export function nextEpoch(
  { kind, uid, node }: { kind: DocumentKind; uid: string; node: string },
  before: number | undefined,
  deps: Pick<PlacedDeps, 'bus'>,
): number {
  const said = deps.bus.observed.find(kind, uid, node)?.versions.epoch ?? 0
  return Math.max(before ?? 0, isPossibleEpoch(said) ? said : 0) + 1
}
