// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '../../lib/kube/object.ts'

/** Of two objects that want the same thing the older one has it: the same answer in every process. */
export function isOlder({ metadata: a }: KubeObject, { metadata: b }: KubeObject): boolean {
  const [ofA = '', ofB = ''] = [a.creationTimestamp, b.creationTimestamp]
  return ofA === ofB ? a.uid < b.uid : ofA < ofB
}

/**
 * Of the others that have what this one wants, the one that comes before it. Who has it keeps it; of two that have it, since one moment or
 * after a restore, the older does. Pure.
 */
export function findFirst<T extends KubeObject>(others: readonly T[], self: T, hasIt: boolean): T | undefined {
  return hasIt ? others.find((other) => isOlder(other, self)) : others[0]
}
