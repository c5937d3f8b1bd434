// SPDX-License-Identifier: Apache-2.0
import { waitFor, type Outcome } from '../../lib/outcome.ts'
import { isConfirmedLost } from './lost-node.ts'
import type { PlacedDeps } from './placed-deps.ts'

/**
 * What a node said last is worth nothing while the node is away: what it holds is not Ready then, whatever stands in its report.
 * @param of what is there, and what waits for it: `{ held: 'the data', noun: 'volume' }`
 */
export function findAbsence(
  node: string,
  { held, noun }: { held: string; noun: string },
  { caches, bus }: Pick<PlacedDeps, 'caches' | 'bus'>,
): Outcome | undefined {
  if (isConfirmedLost(node, { caches })) {
    return waitFor('NodeLost', `node ${node}, which holds ${held}, is confirmed lost: delete the ${noun}`)
  }
  if (bus.heartbeats.pulse(node) !== 'silent') return undefined
  return waitFor(
    'NodeSilent',
    `node ${node}, which holds ${held}, has not been heard: the ${noun} goes on when it is back; if it never will be, set spec.lost: Confirmed on ComputeNode ${node}`,
  )
}
