// SPDX-License-Identifier: Apache-2.0
import { keyOfObject, type KubeObject, type ResourceKind } from '../../lib/kube/object.ts'
import { waitFor, type Outcome } from '../../lib/outcome.ts'
import { findGroup, type Amounts } from './amounts.ts'
import type { Shortage } from './project-book.ts'
import type { QuotaBook } from './quota-book.ts'
import { QUOTA_EXCEEDED } from './quota-use.ts'

export interface Refusal {
  reason: typeof QUOTA_EXCEEDED
  message: string
}

/**
 * Asks the project's Quota for what the object needs in all. It is promised at once, and woken when there is room for it after a refusal.
 * @param instead what a refused one does, for the message: `it waits until there is room`
 */
export function askQuota(
  quotas: QuotaBook,
  { kind }: ResourceKind,
  object: KubeObject,
  needs: Amounts,
  instead = 'it waits until there is room',
): Refusal | undefined {
  const { namespace = '', uid } = object.metadata
  const shortage = quotas.claim(namespace, { uid, kind, key: keyOfObject(object) }, needs)
  return shortage && { reason: QUOTA_EXCEEDED, message: describeShortage(shortage, instead) }
}

export function waitForQuota({ reason, message }: Refusal): Outcome {
  return waitFor(reason, message)
}

/** `Quota team/main allows 10 cores: 8 are taken, and this needs 4; it waits until …`. */
export function describeShortage({ key, limit, used, asked, behind }: Shortage, instead: string): string {
  const taken = `${used} ${used === 1 ? 'is' : 'are'} taken`
  const why = behind
    ? `${behind.kind} ${behind.key} came first and waits for ${behind.asked}, and this needs ${asked}`
    : `and this needs ${asked}`
  const help = behind ? `Delete ${behind.key} or what else` : 'Delete what'
  const group = findGroup(key)
  const what = group ? `${group.bound} in each ServerGroup, such as ${group.group}` : key
  return `${limit.by} allows ${limit.amount} ${what}: ${taken}, ${why}; ${instead}. ${help} is not needed, or have the quota raised`
}
