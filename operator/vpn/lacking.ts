// SPDX-License-Identifier: Apache-2.0
import { missing } from '../kind/found.ts'
import { LOOK_AGAIN_MS, noticedSoon } from '../secrets/look-again.ts'

/** What is wrong with a Secret. Pure. */
export function lacking(reason: string, message: string): ReturnType<typeof missing> {
  return missing(reason, noticedSoon(message), LOOK_AGAIN_MS)
}
