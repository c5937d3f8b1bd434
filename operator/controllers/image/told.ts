// SPDX-License-Identifier: Apache-2.0
import type { Image } from '../../../lib/api/types.ts'
import type { OperatorDeps } from '../common/deps.ts'

/**
 * Nodes with a document of it. Only they get a new one, which may contain a signed URL; reporting the Image is not enough. Costs a lookup
 * per node, and only when an image changes.
 */
export function nodesToldOf({ metadata: { uid } }: Image, deps: Pick<OperatorDeps, 'bus' | 'caches'>): string[] {
  const nodes = deps.caches.computeNodes.list().map(({ metadata }) => metadata.name)
  return nodes.filter((node) => deps.bus.desired.find(node, 'image', uid)).sort()
}
