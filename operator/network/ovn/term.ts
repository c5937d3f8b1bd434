// SPDX-License-Identifier: Apache-2.0
import type { Operation } from '../../../lib/ovsdb/operations.ts'
import { byUuid } from '../../../lib/ovsdb/operations.ts'
import { mapOf, readMap, setOf, type OvsRow } from '../../../lib/ovsdb/values.ts'
import type { FoundRow } from './northbound.ts'

/** Who may write: kept in NB_Global.external_ids, so that the database itself refuses an old leader (invariant 6). */
export interface Term {
  incarnation: number
  term: number
}

const KEY = 'nephele_term'

export function compareTerms(a: Term, b: Term): number {
  return a.incarnation - b.incarnation || a.term - b.term
}

export function readTerm(global: OvsRow | undefined): Term | undefined {
  const match = /^(\d{1,15})\.(\d{1,15})$/.exec(readMap(global?.['external_ids'])[KEY] ?? '')
  return match ? { incarnation: Number(match[1]), term: Number(match[2]) } : undefined
}

/** First operation of every transaction: fails it with `timed out` unless the database still has our term. */
export function termGuard(term: Term): Operation {
  return {
    op: 'wait',
    table: 'NB_Global',
    where: [['external_ids', 'includes', mapOf({ [KEY]: toText(term) })]],
    columns: ['external_ids'],
    until: '!=',
    rows: [],
    timeout: 0,
  }
}

/** Replaces the term that was read with ours; refused if somebody else has written external_ids since. */
export function claimOperations(global: FoundRow, term: Term): Operation[] {
  const where = byUuid(global.uuid)
  return [
    {
      op: 'wait',
      table: 'NB_Global',
      where,
      columns: ['external_ids'],
      until: '==',
      rows: [{ external_ids: global.row['external_ids'] ?? mapOf({}) }],
      timeout: 0,
    },
    {
      op: 'mutate',
      table: 'NB_Global',
      where,
      mutations: [
        ['external_ids', 'delete', setOf([KEY])],
        ['external_ids', 'insert', mapOf({ [KEY]: toText(term) })],
      ],
    },
  ]
}

function toText(term: Term): string {
  return `${term.incarnation}.${term.term}`
}
