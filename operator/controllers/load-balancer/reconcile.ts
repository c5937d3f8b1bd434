// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util'
import type { LoadBalancer } from '../../../lib/api/types.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, released, saved, type Outcome } from '../../../lib/outcome.ts'
import { allMissing } from '../../kind/found.ts'
import { waitForHolders } from '../../kind/holders.ts'
import { resolveOnly } from '../../kind/resolve.ts'
import type { LogicalListener } from '../../network/network-driver.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { ownerOf } from '../common/logical-owner.ts'
import { leadsToBalancer } from '../floating-ip/balancer.ts'
import { claimProbe, claimVip, releaseProbes } from './address.ts'
import { holderOfBalancer, subnet as subnetOfBalancer } from './kind.ts'
import { resolveMembers, type Listener, type Member } from './members.ts'
import { observeListener, operatingStatusOf } from './observe.ts'
import { findWay, type BalancerWay } from './way.ts'

export type LoadBalancerDeps = Pick<OperatorDeps, 'addresses' | 'caches' | 'network'>

/** Stages: its address, which it keeps whatever follows, then the Router that answers for it, and the members behind that Router. */
export async function reconcileLoadBalancer(
  balancer: LoadBalancer,
  deps: LoadBalancerDeps,
  run: Pick<Run, 'now' | 'signal'>,
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
  const found = balancer.spec.listeners.map((listener) => ({
    listener,
    ...resolveMembers(balancer, listener, way.object, deps),
  }))
  const probes = await claimProbes(balancer, found, way.object, deps)
  await deps.network.ensure(
    {
      ...{ kind: 'LoadBalancer', ...ownerOf(balancer), routerUid: router.metadata.uid, networkUids },
      addresses: [status.vipAddress],
      externalAddresses: external,
      listeners: found.map(({ listener, members }) => toLogical(listener, members, probes.sources)),
    },
    run.signal,
  )
  setExternal(status, external)
  await leaveProbes(balancer, probes, deps)
  status.router = `${router.metadata.namespace}/${router.metadata.name}`
  status.routerUID = router.metadata.uid
  const now = run.now.toISOString()
  const { network } = deps
  status.listeners = found.map(({ listener, members }) =>
    observeListener(listener, members, { before: status, network, sources: probes.sources, now }),
  )
  status.operatingStatus = operatingStatusOf(status.listeners)
  status.state = 'ACTIVE'
  return allMissing([...found.flatMap(({ lacks }) => lacks), ...probes.lacks])?.outcome ?? done
}

/** Its status can show twice as many: those that it leaves as well. */
const MOST_EXTERNAL = 256

/** Addresses outside that lead to it: it answers there as well. */
function listFloating(balancer: LoadBalancer, { caches }: Pick<OperatorDeps, 'caches'>): string[] {
  const led = caches.floatingIPs.listBy('loadBalancerUID', balancer.metadata.uid)
  const leading = led.filter((one) => leadsToBalancer(one, balancer))
  return leading
    .flatMap(({ status }) => status?.ipAddress ?? [])
    .sort()
    .slice(0, MOST_EXTERNAL)
}

/** It says where it answers before it does: whoever gives the address to another waits until it does no longer. @returns whether there are new ones */
function recordExternal({ status = {} }: LoadBalancer, external: readonly string[]): boolean {
  const recorded = status.externalAddresses ?? []
  const added = external.filter((address) => !recorded.includes(address))
  setExternal(status, [...recorded, ...added])
  return added.length > 0
}

function setExternal(status: NonNullable<LoadBalancer['status']>, external: readonly string[]): void {
  if (external.length > 0) status.externalAddresses = [...external]
  else delete status.externalAddresses
}

function toLogical(
  { protocol, port, sessionAffinity, healthMonitor }: Listener,
  members: readonly Member[],
  sources: ReadonlyMap<string, string>,
): LogicalListener {
  return {
    ...{ protocol, port, members: members.flatMap((member) => toLogicalMember(member, sources)) },
    ...(sessionAffinity ? { affinitySeconds: sessionAffinity.timeoutSeconds ?? 600 } : {}),
    ...(healthMonitor
      ? {
          monitor: {
            intervalSeconds: healthMonitor.intervalSeconds ?? 5,
            timeoutSeconds: healthMonitor.timeoutSeconds ?? 3,
            successThreshold: healthMonitor.successThreshold ?? 1,
            failureThreshold: healthMonitor.failureThreshold ?? 2,
          },
        }
      : {}),
  }
}

function toLogicalMember(
  { address, port, own, lacks }: Member,
  sources: ReadonlyMap<string, string>,
): LogicalListener['members'][number][] {
  if (address === undefined || lacks) return []
  const probeSource = own && sources.get(own.subnet.metadata.uid)
  return [
    {
      ...{ address, port },
      ...(own ? { portUid: own.port.metadata.uid } : {}),
      ...(probeSource === undefined ? {} : { probeSource }),
    },
  ]
}

type ProbeAddress = NonNullable<NonNullable<LoadBalancer['status']>['probeAddresses']>[number]

interface ClaimedProbes {
  /** By UID of the Subnet. */
  sources: ReadonlyMap<string, string>
  lacks: Outcome[]
  probes: readonly ProbeAddress[]
  /** The Subnets from which it probes, or should. */
  uids: ReadonlySet<string>
}

/** An address in each Subnet of members that are monitored; it records them before anybody is probed from there. */
async function claimProbes(
  balancer: LoadBalancer,
  found: readonly { listener: Listener; members: readonly Member[] }[],
  { subnets }: BalancerWay,
  deps: LoadBalancerDeps,
): Promise<ClaimedProbes> {
  const monitored = found.filter(({ listener }) => listener.healthMonitor !== undefined)
  const uids = new Set(monitored.flatMap(({ members }) => members.flatMap(({ own }) => own?.subnet.metadata.uid ?? [])))
  const lacks: Outcome[] = []
  const probes: ProbeAddress[] = []
  for (const uid of [...uids].sort()) {
    const subnet = subnets.get(uid)
    if (!subnet) continue
    const address = await claimProbe(balancer, subnet, deps)
    if (!address.ok) lacks.push(address.outcome)
    else probes.push({ subnet: subnet.metadata.name, subnetUID: uid, ipAddress: address.object.address })
  }
  const had = balancer.status?.probeAddresses ?? []
  setProbes(balancer, [...had.filter((one) => !probes.some((other) => isDeepStrictEqual(one, other))), ...probes])
  return { sources: new Map(probes.map(({ subnetUID, ipAddress }) => [subnetUID, ipAddress])), lacks, probes, uids }
}

/** Once nobody is probed from there. */
async function leaveProbes(
  balancer: LoadBalancer,
  { probes, uids }: Pick<ClaimedProbes, 'probes' | 'uids'>,
  deps: LoadBalancerDeps,
): Promise<void> {
  await releaseProbes(balancer, uids, deps)
  setProbes(balancer, probes)
}

function setProbes(balancer: LoadBalancer, probes: readonly ProbeAddress[]): void {
  const status = (balancer.status ??= {})
  if (probes.length > 0) status.probeAddresses = [...probes]
  else delete status.probeAddresses
}

/** Nobody answers for it; it keeps its address. */
async function disconnect(
  balancer: LoadBalancer,
  outcome: Outcome,
  deps: LoadBalancerDeps,
  { signal }: Pick<Run, 'signal'>,
): Promise<Outcome> {
  const status = (balancer.status ??= {})
  await deps.network.remove('LoadBalancer', balancer.metadata.uid, signal)
  await releaseProbes(balancer, new Set(), deps)
  delete status.router
  delete status.routerUID
  delete status.listeners
  delete status.probeAddresses
  delete status.externalAddresses
  status.operatingStatus = 'OFFLINE'
  status.state = 'PENDING'
  return outcome
}

async function remove(balancer: LoadBalancer, deps: LoadBalancerDeps, run: Pick<Run, 'signal'>): Promise<Outcome> {
  const status = (balancer.status ??= {})
  status.state = 'DELETING'
  const users = waitForHolders('loadBalancers', balancer, deps.caches)
  if (users) return users
  await deps.network.remove('LoadBalancer', balancer.metadata.uid, run.signal)
  await releaseProbes(balancer, new Set(), deps)
  await deps.addresses.release(deps.addresses.listHeld(holderOfBalancer(balancer)))
  return released
}
