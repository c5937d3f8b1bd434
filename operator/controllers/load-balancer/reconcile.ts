// SPDX-License-Identifier: Apache-2.0
import type { LoadBalancer } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, released, saved, type Outcome } from '../../../lib/outcome.ts'
import { allMissing } from '../../kind/found.ts'
import { waitForHolders } from '../../kind/holders.ts'
import { resolveOnly } from '../../kind/resolve.ts'
import { ownerOf } from '../common/logical-owner.ts'
import { claimVip, releaseProbes } from './address.ts'
import { isServed, resolveCertificates, withoutCertificate } from './certificates.ts'
import { claimProbes, leaveProbes } from './claim-probes.ts'
import { listFloating, recordExternal, setExternal } from './external.ts'
import { holderOfBalancer, subnet as subnetOfBalancer } from './kind.ts'
import { boundProxied, resolveMembers } from './members.ts'
import type { MemberPorts } from './member-ports.ts'
import { observePool, statusOf } from './observe.ts'
import { listenersOf, operatingStatusOf } from './pool-status.ts'
import { isProxied, poolsOf } from './pools.ts'
import { ensureProxies, leaveProxies, type ProxyDeps } from './proxies.ts'
import { showMembers } from './shown-members.ts'
import { toLogical } from './to-logical.ts'
import { findWay } from './way.ts'

export interface LoadBalancerDeps extends ProxyDeps {
  /** Told of all members. Absent in tests that wake nobody. */
  memberPorts?: MemberPorts
}

/** Stages: its address, which it keeps whatever follows, then the Router that answers for it, and the members behind that Router. */
export async function reconcileLoadBalancer(
  balancer: LoadBalancer,
  deps: LoadBalancerDeps,
  run: Pick<Run, 'client' | 'event' | 'now' | 'signal'>,
): Promise<Outcome> {
  const status = (balancer.status ??= {})
  if (balancer.metadata.deletionTimestamp !== undefined) return remove(balancer, deps, run)
  status.state ??= 'PENDING'
  const subnet = resolveOnly(subnetOfBalancer, balancer, deps.caches)
  if (!subnet.ok) return subnet.outcome
  const address = await claimVip(balancer, subnet.object, deps)
  if (!address.ok) return address.outcome
  status.vipAddress = address.object.address
  status.subnetUID = subnet.object.metadata.uid
  const way = findWay(balancer, subnet.object, deps)
  if (!way.ok) return disconnect(balancer, way.outcome, deps, run)
  const { router, networkUids } = way.object
  const external = listFloating(balancer, deps)
  if (recordExternal(balancer, external)) return saved
  const found = boundProxied(
    poolsOf(balancer.spec).map((pool) => ({ pool, ...resolveMembers(balancer, pool, way.object, deps) })),
  )
  deps.memberPorts?.set(
    keyOfObject(balancer),
    found.flatMap(({ members }) => members.flatMap(({ own }) => own?.port.metadata.uid ?? [])),
  )
  const certificates = await resolveCertificates(balancer, deps, run)
  const served = found.filter(
    ({ pool: { listener } }) => isProxied(listener.protocol) && isServed(listener, certificates),
  )
  const proxies = await ensureProxies(balancer, subnet.object, { found: served, certificates }, deps, run)
  if (proxies.first) return proxies.first
  const probes = await claimProbes(balancer, found, way.object, deps)
  await deps.network.ensure(
    {
      ...{ kind: 'LoadBalancer', ...ownerOf(balancer), routerUid: router.metadata.uid, networkUids },
      addresses: [status.vipAddress],
      externalAddresses: external,
      listeners: found
        .filter(({ pool }) => pool.rule === undefined)
        .map(({ pool, members }) =>
          toLogical(pool.listener, members, { sources: probes.sources, proxyAddress: status.proxyAddress }),
        ),
    },
    run.signal,
  )
  setExternal(status, external)
  await leaveProbes(balancer, probes, deps)
  status.router = keyOfObject(router)
  status.routerUID = router.metadata.uid
  const now = run.now.toISOString()
  const { network } = deps
  const observed = found.map(({ pool, members: all }) => {
    const members = isServed(pool.listener, certificates) ? all : all.map(withoutCertificate)
    return observePool(pool, members, { before: status, network, proxies, sources: probes.sources, now })
  })
  const shown = showMembers(observed.map((members) => members ?? []))
  const seen = found.flatMap(({ pool }, i) => {
    const said = observed[i] ? shown[i] : statusOf(pool, status)
    return said ? [{ pool, members: said.members, memberCounts: said.memberCounts }] : []
  })
  status.listeners = listenersOf(seen)
  status.operatingStatus = operatingStatusOf(seen)
  status.state = 'ACTIVE'
  const lacks = [...certificates.lacks, ...proxies.lacks, ...found.flatMap((one) => one.lacks), ...probes.lacks]
  return lookAgain(allMissing(lacks)?.outcome ?? done, certificates.lookAgainMs)
}

/** At the latest then. Pure. */
function lookAgain(outcome: Outcome, afterMs: number | undefined): Outcome {
  if (afterMs === undefined || (outcome.kind !== 'done' && outcome.kind !== 'wait')) return outcome
  return { ...outcome, retryAfterMs: Math.min(outcome.retryAfterMs ?? Infinity, afterMs) }
}

/** Nobody answers for it; it keeps its address. */
async function disconnect(
  balancer: LoadBalancer,
  outcome: Outcome,
  deps: LoadBalancerDeps,
  { signal }: Pick<Run, 'signal'>,
): Promise<Outcome> {
  const status = (balancer.status ??= {})
  deps.memberPorts?.set(keyOfObject(balancer), [])
  await deps.network.remove('LoadBalancer', balancer.metadata.uid, signal)
  await releaseProbes(balancer, new Set(), deps)
  const left = await leaveProxies(balancer, deps, { signal })
  delete status.router
  delete status.routerUID
  delete status.listeners
  delete status.probeAddresses
  delete status.externalAddresses
  status.operatingStatus = 'OFFLINE'
  status.state = 'PENDING'
  return allMissing([outcome, ...left])?.outcome ?? outcome
}

async function remove(balancer: LoadBalancer, deps: LoadBalancerDeps, run: Pick<Run, 'signal'>): Promise<Outcome> {
  const status = (balancer.status ??= {})
  status.state = 'DELETING'
  const users = waitForHolders('loadBalancers', balancer, deps.caches)
  if (users) return users
  await deps.network.remove('LoadBalancer', balancer.metadata.uid, run.signal)
  await releaseProbes(balancer, new Set(), deps)
  const [left] = await leaveProxies(balancer, deps, run)
  if (left) return left
  deps.memberPorts?.set(keyOfObject(balancer), [])
  await deps.addresses.release(deps.addresses.listHeld(holderOfBalancer(balancer)))
  return released
}
