// SPDX-License-Identifier: Apache-2.0
// Which waiting documents may run: each kind has slots of its own, urgent work has additional slots, and within a kind the namespaces
// share. No namespace, and no kind that has to wait, can keep the others from running. Pure.
import { isDeepStrictEqual } from 'node:util'
import type { DesiredDocument, DocumentKind, PresentDocument } from '../../lib/contract/documents.ts'

/**
 * Concurrent runs per kind, and as many again for urgent ones. Work that waits long for the outside world (a download) leaves its slot.
 * Limits what may hang, not computation: the agent has one thread.
 * In the order of the kinds' turns: dependencies before their dependents.
 */
export const SLOTS: Readonly<Record<DocumentKind, number>> = {
  ...{ node: 2, port: 16, volume: 16, image: 8, imagecopy: 4 },
  ...{ balancer: 8, vpn: 4, probe: 4, instance: 24 },
}
const ORDER = Object.keys(SLOTS) as DocumentKind[]

export const URGENT = 0
export const ORDINARY = 1

export interface Lane {
  urgent: boolean
  kind: DocumentKind
}

export function laneName({ urgent, kind }: Lane): string {
  return `${urgent ? 'urgent' : 'ordinary'} ${kind}`
}

/** Urgent work first. */
export const LANES: readonly Lane[] = [true, false].flatMap((urgent) => ORDER.map((kind) => ({ urgent, kind })))

/**
 * Whether a namespace may take one more slot of a lane. It may hold no more than it leaves free, so that others always find one: alone it
 * gets half, and less as others come (Choudhury and Hahne, dynamic queue length thresholds, 1998).
 */
export function mayTake(slots: number, taken: number, held: number): boolean {
  return held < slots - taken
}

/**
 * Runs before everything else: deletions, and machines to be started, stopped, paused or resumed, or to have something done to them.
 * @param before the document that this node had accepted last
 */
export function isUrgent(document: DesiredDocument, before: DesiredDocument | undefined): boolean {
  if (document.tombstone || document.kind === 'node') return true
  if (document.kind !== 'instance' || before?.kind !== 'instance' || before.tombstone) return false
  if (document.spec.action !== undefined && before.spec.action?.uid !== document.spec.action.uid) return true
  return before.spec.runState !== document.spec.runState || before.grantedBootId !== document.grantedBootId
}

/** Whether the run in progress for `old` is no longer useful. A tombstone ends any run, a changed spec only a long one. */
export function endsRun(old: DesiredDocument, next: DesiredDocument, isLong: boolean): boolean {
  if (next.tombstone || old.tombstone) return next.tombstone
  return isLong && !isDeepStrictEqual(toWork(old), toWork(next))
}

/** Who may read a copy changes nothing of how it is fetched. */
function toWork(document: PresentDocument): object {
  return document.kind === 'imagecopy' ? { ...document.spec, readers: [] } : document.spec
}
