// SPDX-License-Identifier: Apache-2.0
import type { Cache } from '../../lib/informer/cache.ts'
import type { KubeReader } from '../../lib/kube/client.ts'
import { refOfKey, type ResourceKind } from '../../lib/kube/object.ts'
import type { Allocation } from './range-book.ts'

/**
 * The allocations whose holders are there, also by the store: others went without giving back what they had, as when a finalizer is removed
 * by force.
 */
export async function withoutLost(
  allocations: readonly Allocation[],
  holders: { kind: ResourceKind; cache: Pick<Cache, 'findByUid'> },
  { client, signal }: { client: Pick<KubeReader, 'find'>; signal: AbortSignal },
): Promise<Allocation[]> {
  const kept: Allocation[] = []
  for (const allocation of allocations) {
    const { holder, holderUID } = allocation
    const isThere =
      holders.cache.findByUid(holderUID) !== undefined ||
      (await client.find(holders.kind, refOfKey(holder), { signal }))?.metadata.uid === holderUID
    if (isThere) kept.push(allocation)
  }
  return kept
}
