// SPDX-License-Identifier: Apache-2.0
import type { KubeNode, ProviderNetwork } from '../../../lib/api/types.ts'
import type { NodeDocument } from '../../../lib/contract/documents.ts'
import { MOST_WITH_UPSTREAMS, MOST_WITHOUT_UPSTREAMS } from '../../../lib/contract/specs.ts'
import { findMapping } from './mappings.ts'

/**
 * The name servers that a node's resolver asks for guests on the Networks of ProviderNetworks, of those that it is connected to and that name some,
 * in the order of their names. Pure.
 */
export function upstreamsOnNode(
  node: KubeNode,
  inForce: readonly ProviderNetwork[],
): NonNullable<NodeDocument['spec']['dnsUpstreamsOf']> {
  return inForce
    .flatMap((one) => {
      const upstreams = one.spec.dns?.upstreams
      if (!upstreams || !findMapping(one, node)) return []
      return [{ providerNetwork: one.metadata.name, upstreams: [...upstreams] }]
    })
    .sort((a, b) => (a.providerNetwork < b.providerNetwork ? -1 : 1))
    .slice(0, MOST_WITH_UPSTREAMS)
}

/** Those that name none, wherever they are: a node tells them from those that it does not know, for which it asks nobody. Sorted. Pure. */
export function withoutUpstreams(inForce: readonly ProviderNetwork[]): string[] {
  return inForce
    .flatMap((one) => (one.spec.dns?.upstreams ? [] : [one.metadata.name]))
    .sort()
    .slice(0, MOST_WITHOUT_UPSTREAMS)
}
