// SPDX-License-Identifier: Apache-2.0
import { LOGICAL_KINDS } from '../network/logical-kinds.ts'

/** The name under which a call is recorded; a call of the network backend with the kind of its object, such as `ensure Port`. */
export function callName(method: string, [first]: readonly unknown[]): string {
  const about = typeof first === 'object' && first !== null && 'uid' in first && 'kind' in first ? first.kind : first
  const kind = LOGICAL_KINDS.find((known) => known === about)
  return kind === undefined ? method : `${method} ${kind}`
}
