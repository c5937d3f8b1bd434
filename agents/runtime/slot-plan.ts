// SPDX-License-Identifier: Apache-2.0
// Who of those that wait may run: each kind of document has slots of its own, what is urgent has slots beside those, and within a kind
// the namespaces share. Nothing that one namespace does, or one kind waits for, keeps the others from being worked on. Pure.
import { isDeepStrictEqual } from 'node:util'
import type { DesiredDocument, DocumentKind } from '../../lib/contract/documents.ts'

/**
 * Runs at once, by kind; as many again of what is urgent. Work that waits for the world outside for long (a download) leaves its slot.
 * Bounds what hangs, not what computes: the agent has one thread.
 */
export const SLOTS: Readonly<Record<DocumentKind, number>> = { node: 2, image: 8, volume: 16, port: 16, instance: 24 }

export const URGENT = 0
export const ORDINARY = 1

/** Urgent first, and what others wait for before those. */
const ORDER: readonly DocumentKind[] = ['node', 'port', 'volume', 'image', 'instance']

export interface Lane {
  urgent: boolean
  kind: DocumentKind
}

export function laneName({ urgent, kind }: Lane): string {
  return `${urgent ? 'urgent' : 'ordinary'} ${kind}`
}

export const LANES: readonly Lane[] = [true, false].flatMap((urgent) => ORDER.map((kind) => ({ urgent, kind })))

/**
 * May a namespace take one more slot of a lane? It holds no more than are left free, so that who comes later finds one: alone it gets
 * half of them, and what it gets shrinks as others come (Choudhury and Hahne, dynamic queue length thresholds, 1998).
 */
export function mayTake(slots: number, taken: number, held: number): boolean {
  return held < slots - taken
}

/**
 * Before everything else: what is to go, and a machine that is to be started, stopped, paused or resumed.
 * @param before what this node was told of it last
 */
export function isUrgent(document: DesiredDocument, before: DesiredDocument | undefined): boolean {
  if (document.tombstone || document.kind === 'node') return true
  if (document.kind !== 'instance' || before?.kind !== 'instance' || before.tombstone) return false
  return before.spec.runState !== document.spec.runState || before.grantedBootId !== document.grantedBootId
}

/** Is the work under way for `old` of no use any longer? A tombstone ends all work, another spec that which may last. */
export function endsRun(old: DesiredDocument, next: DesiredDocument, isLong: boolean): boolean {
  if (next.tombstone || old.tombstone) return next.tombstone
  return isLong && !isDeepStrictEqual(old.spec, next.spec)
}
