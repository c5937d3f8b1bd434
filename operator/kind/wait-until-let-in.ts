// SPDX-License-Identifier: Apache-2.0
import type { Cache } from '../../lib/informer/cache.ts'
import { keyOfObject, type KubeObject } from '../../lib/kube/object.ts'
import { waitFor, type Outcome } from '../../lib/outcome.ts'
import { findQuotaWait } from '../quota/quota-use.ts'
import { NOT_LET_IN } from './let-in.ts'

/**
 * Why what names the target in that field has to wait for the target's Quota.
 * @param from the user's namespace: it is not told what another one may have
 */
export function waitUntilLetIn(
  target: KubeObject,
  { kind, field, from }: { kind: string; field: string; from: string | undefined },
  cache: Cache,
): Outcome | undefined {
  const key = keyOfObject(target)
  if (cache.listBy(NOT_LET_IN, key).length === 0) return undefined
  const what = `${kind} ${key} in ${field}`
  const waits = findQuotaWait(target)
  if (!waits) return waitFor('ReferencePending', `${what} was not looked at yet: this goes on by itself`)
  const why = target.metadata.namespace === from ? waits.message : 'there is no room in its namespace'
  return waitFor('ReferenceOverQuota', `${what} waits for its Quota itself: ${why}; this goes on by itself then`)
}
