// SPDX-License-Identifier: Apache-2.0
import type { Instance } from '../../../lib/api/types.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import { isConfirmedLost } from '../../placed/lost-node.ts'
import { isPossibleEpoch } from '../../placed/next-epoch.ts'
import { knownLossWindowMs } from '../../restore-guard/restore-window.ts'
import type { OperatorDeps } from '../common/deps.ts'

/**
 * A machine that moved after the snapshot which its resource was restored from: the resource names its old node, and another has it under a
 * newer epoch of an incarnation before this. Whoever went on with the old node would run it twice (docs/decisions/0089).
 *
 * Our own document on the bus proves it whenever; the node's word alone counts while a restore is known that may have lost the document: a
 * stolen node could hold machines by it. Pure. @returns the outcome to return instead of acting; undefined: its node is the only one
 */
export function findNewerOwner(
  { metadata, status }: Instance,
  deps: Pick<OperatorDeps, 'bus' | 'caches' | 'writer'>,
  now: Date,
): Outcome | undefined {
  const { uid } = metadata
  const { node, epoch = 0 } = status ?? {}
  const { incarnation } = deps.writer()
  for (const report of deps.bus.observed.findAll('instance', uid)) {
    const { versions } = report
    const isNewer = versions.incarnation < incarnation && versions.epoch > epoch && isPossibleEpoch(versions.epoch)
    if (report.node === node || !isNewer || report.state === 'gone' || isConfirmedLost(report.node, deps)) continue
    const document = deps.bus.desired.find(report.node, 'instance', uid)
    const isOnRecord = document !== undefined && document.versions.epoch > epoch
    const windowMs = knownLossWindowMs(deps, now)
    if (!isOnRecord && windowMs <= 0) continue
    return waitFor(
      'OwnershipUnclear',
      `node ${report.node} has this machine (epoch ${versions.epoch}), which moved there after what was restored: status.node is ${node ?? 'empty'} ` +
        `(epoch ${epoch}). Restore status.node and status.epoch (docs/disaster-recovery.md), or set spec.lost: Confirmed on ComputeNode ` +
        `${report.node} when that is off for good`,
      isOnRecord ? undefined : windowMs,
    )
  }
  return undefined
}
