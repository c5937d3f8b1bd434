// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '../../lib/kube/object.ts'

/** Of two objects that want the same thing the older one has it: the same answer in every process. */
export function isOlder({ metadata: a }: KubeObject, { metadata: b }: KubeObject): boolean {
  const [ofA = '', ofB = ''] = [a.creationTimestamp, b.creationTimestamp]
  return ofA === ofB ? a.uid < b.uid : ofA < ofB
}
