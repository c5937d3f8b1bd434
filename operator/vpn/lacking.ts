// SPDX-License-Identifier: Apache-2.0
import { missing } from '../kind/found.ts'

/** Secrets cannot be watched (decision 32): so soon a change is seen. */
export const LOOK_AGAIN_MS = 60_000

/** What is wrong with a Secret. Pure. */
export function lacking(reason: string, message: string): ReturnType<typeof missing> {
  return missing(reason, `${message}, which is noticed within a minute`, LOOK_AGAIN_MS)
}
