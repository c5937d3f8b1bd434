// SPDX-License-Identifier: Apache-2.0
import type { ComputeNode } from '../../../lib/api/types.ts'
import { findCondition, setCondition, type ConditionUpdate } from '../../../lib/conditions.ts'
import { BUS_ACCESS, TOO_MUCH_WRITTEN } from '../../auth/why-shut.ts'
import type { Excess } from '../../bus/bus.ts'
import { DEFAULT_SHARE, WINDOW_MS } from '../../bus/node-shares.ts'
import type { OperatorDeps } from '../common/deps.ts'

/**
 * Closes the bus sessions of a node that is confirmed lost or writes more than its share. Its agent is not let in again while the
 * ComputeNode says so (operator/auth/why-shut.ts).
 */
export async function shutOut(computeNode: ComputeNode, deps: Pick<OperatorDeps, 'bus'>, now: Date): Promise<void> {
  const status = (computeNode.status ??= {})
  const { name, generation } = computeNode.metadata
  const excess = deps.bus.conduct.find(name)
  const update: ConditionUpdate = excess
    ? { type: BUS_ACCESS, status: 'False', reason: TOO_MUCH_WRITTEN, message: tooMuch(excess) }
    : { type: BUS_ACCESS, status: 'True', reason: 'WithinShare', message: 'the node writes no more than its share' }
  if (excess || findCondition(status.conditions, BUS_ACCESS)) {
    status.conditions = setCondition(status.conditions, update, generation, now)
  }
  if (excess || computeNode.spec.lost !== undefined) await deps.bus.endSessions(name)
}

const LIMITS: Readonly<Record<Excess, string>> = {
  Documents: `more than ${DEFAULT_SHARE.documents} documents`,
  Bytes: `more than ${DEFAULT_SHARE.bytes / 1024 ** 2} MiB of documents`,
  Unasked: `more than ${DEFAULT_SHARE.unasked} documents that nobody asked for`,
  Words: `more than ${DEFAULT_SHARE.words} documents (or KiB) in ${WINDOW_MS / 1000} s`,
  Beats: `more than ${DEFAULT_SHARE.beats} heartbeats in ${WINDOW_MS / 1000} s`,
}

export function tooMuch({ excess }: { excess: Excess }): string {
  return `its agent wrote ${LIMITS[excess]}, more than a node's share of the bus, and is cut off for ten minutes: look at what runs there, or set spec.lost: Confirmed`
}
