// SPDX-License-Identifier: Apache-2.0
// A host that was cut off may get power again; its agent, which nobody can reach, then follows the documents on its disk. So what counts
// is not what the spec wants now but what the node is known to have (docs/decisions/0027).
import type { ComputeNode, Instance } from '../../../lib/api/types.ts'
import type { ObservedDocument } from '../../../lib/contract/documents.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import type { OperatorDeps } from '../common/deps.ts'
import type { WriterVersions } from '../../placed/document-header.ts'
import { wasPlaced } from '../../placed/placement.ts'
import { answerOf, askedOf } from '../../placed/observed-facts.ts'
import { hasConfirmed } from '../../placed/release.ts'

type Incarnation = Pick<WriterVersions, 'incarnation'>
type Evacuable = Pick<NonNullable<Instance['status']>, 'evacuable'>

/** May its node start the machine after a reboot without a grant? One that may be evacuated must wait for a grant (invariant 5). Pure. */
export function mayStartAlone({ spec }: Pick<Instance, 'spec'>): boolean {
  return (spec.evacuation ?? 'Never') === 'Never' && (spec.restartPolicy ?? 'OnFailure') !== 'Never'
}

/** For a machine's first placement: no node has a document that lets it start without a grant, or gets one before `dropEvacuable`. */
export function evacuableFromStart(instance: Instance, { incarnation }: Incarnation): Evacuable {
  return mayStartAlone(instance) || wasPlaced(instance) ? {} : { evacuable: { incarnation } }
}

/**
 * Marks the machine evacuable once its node has answered a document that keeps the machine off after a reboot. The mark is kept even if
 * later documents are unanswered: one may be on its way when the node dies. Pure but for `instance.status`.
 */
export function recordEvacuable(
  instance: Instance,
  report: ObservedDocument | undefined,
  writer: WriterVersions,
): void {
  const status = (instance.status ??= {})
  if (mayStartAlone(instance) || isKnown(status, writer)) return
  if (answerOf(report, askedOf(instance, status.epoch, writer))) status.evacuable = { incarnation: writer.incarnation }
}

/** @returns whether the change must be saved before a document is published that lets the node start the machine without a grant */
export function dropEvacuable(instance: Instance): boolean {
  if (!mayStartAlone(instance) || instance.status?.evacuable === undefined) return false
  delete instance.status.evacuable
  return true
}

/** Why a machine on a lost node is not built anew elsewhere; undefined when it is. Pure. */
export function whyNotEvacuated(
  { spec, status }: Instance,
  computeNode: ComputeNode,
  writer: Incarnation,
): Outcome | undefined {
  const { name } = computeNode.metadata
  const isLeftOff = staysOff(status ?? {}, computeNode, writer)
  if (isLeftOff && spec.evacuation === 'WhenFenced') return undefined
  const set = spec.evacuation === 'WhenFenced' ? [] : ['set spec.evacuation: WhenFenced']
  if (!isLeftOff) set.push(wipe(name))
  const risk = isLeftOff ? '' : `; it ${MAY_START}`
  return waitFor(
    'NodeLost',
    `node ${name} is confirmed lost${risk}: delete the machine, or, to build it anew elsewhere, ${set.join(' and ')}`,
  )
}

/** Why a machine gets no new place when its old node was given up before confirming the release; undefined when it does get one. */
export function whyNotPlacedAnew(
  instance: Instance,
  deps: Pick<OperatorDeps, 'bus' | 'caches' | 'writer'>,
): Outcome | undefined {
  for (const { node, epoch, evacuable } of instance.status?.pendingReleases ?? []) {
    const computeNode = deps.caches.computeNodes.find(undefined, node)
    if (computeNode?.spec.lost === undefined) continue
    if (hasConfirmed({ kind: 'instance', object: instance, node, epoch }, deps)) continue
    if (staysOff(evacuable ? { evacuable } : {}, computeNode, deps.writer())) continue
    return waitFor(
      'NodeLost',
      `node ${node}, where it was, is confirmed lost; it ${MAY_START}: delete the machine, or, to have it built elsewhere, ${wipe(node)}`,
    )
  }
  return undefined
}

/** The machine stays off when its host gets power again. */
function staysOff(known: Evacuable, { spec }: ComputeNode, writer: Incarnation): boolean {
  return spec.lost === 'Wiped' || isKnown(known, writer)
}

/** Only in this incarnation: after a restore, the status may be older than what the node has. */
function isKnown({ evacuable }: Evacuable, { incarnation }: Incarnation): boolean {
  return evacuable?.incarnation === incarnation
}

const MAY_START =
  'never said that it leaves the machine off after a reboot, and may start it again when its host gets power'

function wipe(node: string): string {
  return `set spec.lost: Wiped on ComputeNode ${node} once its disks are wiped or destroyed`
}
