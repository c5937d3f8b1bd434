// SPDX-License-Identifier: Apache-2.0
import { timingSafeEqual } from 'node:crypto'
import type { End, OpenRequest } from '../../../lib/console/frame.ts'
import { hashOfToken, type ConsoleGrant } from '../../../lib/contract/documents.ts'

export type Verdict = { grant: ConsoleGrant } | { refused: End }

/**
 * May this console be opened? Who has no token learns nothing, not even which accesses there are. Pure.
 * @param grants of the machine's document
 */
export function judgeAccess(
  { access, token }: Pick<OpenRequest, 'access' | 'token'>,
  grants: readonly ConsoleGrant[],
  { nowMs, isUsed }: { nowMs: number; isUsed: (access: string) => boolean },
): Verdict {
  const grant = grants.find(({ uid }) => uid === access)
  if (!grant || !isSame(hashOfToken(token), grant.tokenSHA256))
    return refuse(
      'AccessUnknown',
      'there is no such access to a console here, or this is not its token: make a new ConsoleAccess',
    )
  if (isUsed(access)) return refuse('AccessUsed', 'this ConsoleAccess was used: make a new one')
  if (nowMs >= Date.parse(grant.notAfter))
    return refuse('AccessExpired', 'the time of this ConsoleAccess is over: make a new one')
  return { grant }
}

function refuse(reason: string, message: string): Verdict {
  return { refused: { reason, message } }
}

function isSame(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))
}
