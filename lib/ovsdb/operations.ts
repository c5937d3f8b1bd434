// SPDX-License-Identifier: Apache-2.0
import { OvsdbError, toOvsdbError } from './errors.ts'
import type { OvsRow, OvsValue } from './values.ts'

/** RFC 7047 section 5.1: such as ['_uuid', '==', uuidOf(u)]. */
export type Condition = readonly [
  column: string,
  function_: '==' | '!=' | 'includes' | 'excludes' | '<' | '<=' | '>' | '>=',
  value: OvsValue,
]
export type Mutation = readonly [
  column: string,
  mutator: 'insert' | 'delete' | '+=' | '-=' | '*=' | '/=' | '%=',
  value: OvsValue,
]

/** The operations of RFC 7047 section 5.2 that we use. `uuid-name` names the row for the same transaction. */
export type Operation =
  | { op: 'insert'; table: string; row: OvsRow; 'uuid-name'?: string }
  | { op: 'select'; table: string; where: readonly Condition[]; columns?: readonly string[] }
  | { op: 'update'; table: string; where: readonly Condition[]; row: OvsRow }
  | { op: 'mutate'; table: string; where: readonly Condition[]; mutations: readonly Mutation[] }
  | { op: 'delete'; table: string; where: readonly Condition[] }
  | {
      op: 'wait'
      table: string
      where: readonly Condition[]
      columns: readonly string[]
      until: '==' | '!='
      rows: readonly OvsRow[]
      /** Milliseconds; 0 refuses at once with `timed out`. */
      timeout: number
    }
  | { op: 'comment'; comment: string }

export interface OperationResult {
  count?: number
  uuid?: readonly ['uuid', string]
  rows?: readonly OvsRow[]
}

export function byUuid(uuid: string): Condition[] {
  return [['_uuid', '==', ['uuid', uuid]]]
}

/** An error is in the place of the operation that failed, followed by nulls; an error of the commit is behind the last result. */
export function checkResults(answer: unknown, operations: readonly Operation[]): OperationResult[] {
  if (!Array.isArray(answer)) throw new OvsdbError('unusable answer', JSON.stringify(answer).slice(0, 200))
  answer.forEach((result: unknown, index) => {
    if (typeof result === 'object' && result !== null && 'error' in result) {
      throw toOvsdbError(result, index < operations.length ? index : undefined)
    }
  })
  return answer as OperationResult[]
}
