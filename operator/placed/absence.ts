// SPDX-License-Identifier: Apache-2.0
import { waitFor, type Outcome } from '../../lib/outcome.ts'
import { isConfirmedLost } from './lost-node.ts'
import type { PlacedDeps } from './placed-deps.ts'

/**
 * While a node is away its last report does not count: whatever is on it is not Ready.
 * @param of words for the message, such as `{ held: 'the data', noun: 'volume' }`
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
