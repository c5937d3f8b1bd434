// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '../../lib/kube/object.ts'
import type { Outcome } from '../../lib/outcome.ts'
import type { ControllerDefinition, Run, Source } from '../../lib/loop/controller.ts'
import { KINDS } from '../kinds.ts'
import { isKeptOut } from './let-in.ts'
import { cacheOf, type Caches, type KindName, type KindRow } from './row.ts'
import { NOTHING } from '../quota/amounts.ts'
import { askQuota, waitForQuota } from '../quota/ask.ts'
import { QUOTA_EXCEEDED } from '../quota/quota-use.ts'
import type { QuotaBook } from '../quota/quota-book.ts'
import type { QuotaUse } from '../quota/quota-use.ts'

interface QuotaDeps {
  quotas: QuotaBook
  caches: Caches
}

/** Nothing is done for an object before the Quota of its project has room for it; what was let in once is never sent away again. */
export function withQuota<T extends KubeObject>(
  name: KindName,
  definition: ControllerDefinition<T>,
  deps: QuotaDeps,
): ControllerDefinition<T> {
  const use = findUse<T>(name)
  const isThere = (uid: string) => cacheOf(name, deps.caches).findByUid(uid) !== undefined
  return use ? gated(definition, use, isThere, deps.quotas) : definition
}

function gated<T extends KubeObject>(
  definition: ControllerDefinition<T>,
  use: QuotaUse<T>,
  isThere: (uid: string) => boolean,
  quotas: QuotaBook,
): ControllerDefinition<T> {
  const wake: Source = ({ enqueue }) => quotas.onWake(definition.kind.kind, (key) => enqueue(key))
  const letIn = async (object: T, run: Run): Promise<Outcome> => {
    const isGoing = object.metadata.deletionTimestamp !== undefined
    if (isGoing && isKeptOut(use, object)) return leave(definition.reconcile(object, run))
    const isNew = !isGoing && use.has(object) === NOTHING
    // What nobody wants any more does not wait for room.
    const end = isNew ? await definition.beforeQuota?.(object, run) : undefined
    if (end) return end
    const refusal = isNew && use.needs ? askQuota(quotas, definition.kind, object, use.needs(object)) : undefined
    return refusal ? waitForQuota(refusal) : definition.reconcile(object, run)
  }
  return {
    ...definition,
    sources: [...(definition.sources ?? []), wake],
    async reconcile(object, run) {
      try {
        return await letIn(object, run)
      } finally {
        quotas.ended(object.metadata.uid)
        // It may have asked after it was gone.
        if (!isThere(object.metadata.uid)) quotas.forget(object.metadata.uid)
      }
    },
  }
}

/** What was never let in does not begin to count because it cannot go at once. */
async function leave(removal: Promise<Outcome>): Promise<Outcome> {
  const outcome = await removal
  return outcome.kind === 'wait' ? { ...outcome, reason: QUOTA_EXCEEDED } : outcome
}

/** How objects of that kind count. */
export function findUse<T extends KubeObject>(name: KindName): QuotaUse<T> | undefined {
  return (KINDS[name] as unknown as KindRow<T>).quota
}
