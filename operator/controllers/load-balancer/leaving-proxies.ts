// SPDX-License-Identifier: Apache-2.0
// Nodes that had a proxy of the balancer: written down until each has let go, so that a bus that lost its state loses none of them (invariant 4).
import type { LoadBalancer } from '../../../lib/api/types.ts'
import type { Outcome } from '../../../lib/outcome.ts'
import { nextEpoch } from '../../placed/next-epoch.ts'
import type { PlacedDeps } from '../../placed/placed-deps.ts'
import { releaseFrom } from '../../placed/release.ts'

type Status = NonNullable<LoadBalancer['status']>
type Leaving = NonNullable<Status['pendingReleases']>[number]

/** As many as the status can show. Proxies are never more: each has one of four addresses. Of strays the next ones are found again. */
const MOST_LEAVING = 8

/** Writes down the proxies of other nodes than `staying`, before `status.proxies` changes. One that is wanted again leaves no more. */
export function recordLeaving(status: Status, staying: ReadonlySet<string>): void {
  const { proxies = [], pendingReleases = [], proxyEpoch: epoch = 0 } = status
  const had = proxies.map(({ node, ipAddress }): Leaving => ({ node, epoch, ipAddress }))
  const before = pendingReleases.filter(({ node }) => !had.some((one) => one.node === node))
  setLeaving(
    status,
    [...before, ...had].filter(({ node }) => !staying.has(node)),
  )
}

/** Has each of them let go, and what the bus knows of on nodes that the status does not name: it was restored without them. */
export async function releaseLeaving(
  balancer: LoadBalancer,
  deps: Pick<PlacedDeps, 'bus' | 'caches' | 'releases' | 'writer'>,
): Promise<Outcome[]> {
  const status = (balancer.status ??= {})
  const all = [...(status.pendingReleases ?? []), ...listStrays(balancer, deps)].slice(0, MOST_LEAVING)
  const left: Leaving[] = []
  const waits: Outcome[] = []
  for (const one of all) {
    const { node, epoch } = one
    const waiting = await releaseFrom({ kind: 'balancer', object: balancer, node, epoch }, deps)
    if (!waiting) continue
    waits.push(waiting)
    left.push(one)
  }
  setLeaving(status, left)
  return waits
}

function setLeaving(status: Status, leaving: readonly Leaving[]): void {
  if (leaving.length > 0) status.pendingReleases = [...leaving]
  else delete status.pendingReleases
}

function listStrays(
  { metadata: { uid }, status = {} }: LoadBalancer,
  { bus, caches }: Pick<PlacedDeps, 'bus' | 'caches'>,
): Leaving[] {
  const named = new Set([...(status.proxies ?? []), ...(status.pendingReleases ?? [])].map(({ node }) => node))
  const told = caches.computeNodes
    .list()
    .map(({ metadata }) => metadata.name)
    .filter((node) => bus.desired.find(node, 'balancer', uid)?.tombstone === false)
  const saying = bus.observed.findAll('balancer', uid).flatMap(({ node, state }) => (state === 'gone' ? [] : [node]))
  return [...new Set([...told, ...saying])]
    .filter((node) => !named.has(node) && caches.computeNodes.find(undefined, node) !== undefined)
    .sort()
    .map((node) => ({ node, epoch: nextEpoch({ kind: 'balancer', uid, node }, status.proxyEpoch, { bus }) - 1 }))
}
