// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '../../lib/kube/object.ts'
import type { Outcome } from '../../lib/outcome.ts'
import type { ControllerDefinition, Run, Source } from '../../lib/loop/controller.ts'
import { KINDS } from '../kinds.ts'
import type { KindName, KindRow } from './row.ts'
import { NOTHING } from '../quota/amounts.ts'
import { askQuota, waitForQuota } from '../quota/ask.ts'
import type { QuotaBook } from '../quota/quota-book.ts'
import type { QuotaUse } from '../quota/quota-use.ts'

/** Nothing is done for an object before the Quota of its project has room for it; what was let in once is never sent away again. */
export function withQuota<T extends KubeObject>(
  name: KindName,
  definition: ControllerDefinition<T>,
  { quotas }: { quotas: QuotaBook },
): ControllerDefinition<T> {
  const use = findUse<T>(name)
  if (!use) return definition
  const { needs, has } = use
  const wake: Source = ({ enqueue }) => quotas.onWake(definition.name, (key) => enqueue(key))
  return {
    ...definition,
    sources: [...(definition.sources ?? []), wake],
    async reconcile(object, run) {
      try {
        return await letIn(object, run)
      } finally {
        quotas.ended(object.metadata.uid)
      }
    },
  }

  function letIn(object: T, run: Run): Promise<Outcome> {
    const isNew = object.metadata.deletionTimestamp === undefined && has(object) === NOTHING
    const refusal = isNew && needs ? askQuota(quotas, definition.name, object, needs(object)) : undefined
    return refusal ? Promise.resolve(waitForQuota(refusal)) : definition.reconcile(object, run)
  }
}

function findUse<T extends KubeObject>(name: KindName): QuotaUse<T> | undefined {
  return (KINDS[name] as unknown as KindRow<T>).quota
}
