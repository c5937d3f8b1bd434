// SPDX-License-Identifier: Apache-2.0
import type { Instance } from '../../../lib/api/types.ts'
import type { Hints } from '../../scheduler/filters/request.ts'
import type { InstanceDeps } from './deps.ts'

export type HintDeps = Pick<InstanceDeps, 'caches'> & { scheduler: Pick<InstanceDeps['scheduler'], 'findClaim'> }

/** spec.schedulerHints, with the nodes where the named machines are by their claims: also where that is not written yet. */
export function hintsOf({ spec, metadata }: Instance, { caches, scheduler }: HintDeps): Hints | undefined {
  const { schedulerHints } = spec
  if (!schedulerHints) return undefined
  const nodesOf = (names: readonly string[]) =>
    new Set(
      names.flatMap((name) => {
        const uid = caches.instances.find(metadata.namespace, name)?.metadata.uid
        return (uid === undefined ? [] : (scheduler.findClaim(uid) ?? [])).map(({ node }) => node)
      }),
    )
  const { sameHost, differentHost, buildNearHostIP, cidr, query, node } = schedulerHints
  return {
    ...(sameHost ? { sameHost: nodesOf(sameHost) } : {}),
    ...(differentHost ? { differentHost: nodesOf(differentHost) } : {}),
    ...(buildNearHostIP === undefined ? {} : { buildNearHostIP }),
    ...(cidr === undefined ? {} : { prefix: Number(cidr.slice(1)) }),
    ...(query === undefined ? {} : { query }),
    ...(node === undefined ? {} : { node }),
  }
}
