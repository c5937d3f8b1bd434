// SPDX-License-Identifier: Apache-2.0
import type { RowChange } from '../../../lib/ovsdb/row-change.ts'
import { AWAITED_KINDS } from '../logical-kinds.ts'
import type { OwnedRow } from '../network-driver.ts'
import { readMark, routerOfPort } from './marks.ts'

export type MadeRow = Pick<OwnedRow, 'kind' | 'uid'>

/** Those that others wait for, each once: a router's again with each port that it gets, for whoever stands at it. */
export function madeRows(changes: readonly RowChange[]): MadeRow[] {
  const made = changes.flatMap(({ table, before, after }): MadeRow[] => {
    if (before || !after) return []
    const router = table === 'Logical_Switch_Port' ? routerOfPort(after) : undefined
    if (router !== undefined) return [{ kind: 'Router', uid: router }]
    const mark = readMark(after)
    return mark && AWAITED_KINDS.has(mark.kind) ? [{ kind: mark.kind, uid: mark.uid }] : []
  })
  return [...new Map(made.map((row) => [`${row.kind}/${row.uid}`, row])).values()]
}
