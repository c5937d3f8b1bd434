// SPDX-License-Identifier: Apache-2.0
import { LOGICAL_KINDS } from '../network/network-driver.ts'

/** How a call is written down: one of the network backend's two verbs with the kind of what it is about, such as `ensure Port`. */
export function callName(method: string, [first]: readonly unknown[]): string {
  const about = typeof first === 'object' && first !== null && 'uid' in first && 'kind' in first ? first.kind : first
  const kind = LOGICAL_KINDS.find((known) => known === about)
  return kind === undefined ? method : `${method} ${kind}`
}
