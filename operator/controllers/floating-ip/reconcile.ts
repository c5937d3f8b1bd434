// SPDX-License-Identifier: Apache-2.0
import type { FloatingIP, Network, Router } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, released, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { allMissing } from '../../kind/found.ts'
import { waitForHolders } from '../../kind/holders.ts'
import { resolveOnly } from '../../kind/resolve.ts'
import type { LogicalPortForwarding } from '../../network/logical-kinds.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { ownerOf } from '../common/logical-owner.ts'
import { assertSupported } from '../common/sdn-controller.ts'
import { isRealised } from '../common/realised-network.ts'
import { applyPolicy, removePolicy } from '../qos-policy/apply.ts'
import { policyInEffect, resolvePolicy } from '../qos-policy/users.ts'
import { claimAddress } from './address.ts'
import { findAnswering, resolveBalancer, waitForBalancer } from './balancer.ts'
import { listJoinedNetworks, resolveForwardings } from './forwardings.ts'
import { holderOfFloatingIP, network as networkOfFloatingIP, qosPolicy } from './kind.ts'
import { findReclaiming, reclaim } from './reclaim.ts'
import { resolveTarget, type Target } from './target.ts'
import { isWanted, listWays, type Way } from './ways.ts'

export type FloatingIPDeps = Pick<OperatorDeps, 'addresses' | 'caches' | 'network'>
type FloatingIPRun = Pick<Run, 'signal' | 'client' | 'event'>

/** Stages: its address, which it keeps whatever follows, then the port and the router that lead there. */
export async function reconcileFloatingIP(
  floatingIP: FloatingIP,
  deps: FloatingIPDeps,
  run: FloatingIPRun,
): Promise<Outcome> {
  const status = (floatingIP.status ??= {})
  if (floatingIP.metadata.deletionTimestamp !== undefined) return remove(floatingIP, deps, run)
  status.state ??= 'DOWN'
  if (findReclaiming(floatingIP, deps.caches)) return reclaim(floatingIP, run)
  const network = resolveOnly(networkOfFloatingIP, floatingIP, deps.caches)
  if (!network.ok) return disconnect(floatingIP, withWayOut(network.outcome), deps, run)
  const hindrance = findHindrance(floatingIP, network.object)
  if (hindrance) return hindrance
  const address = await claimAddress(floatingIP, network.object, deps)
  if (!address.ok) return address.outcome
  status.ipAddress = address.object.address
  status.subnet = address.object.subnet.metadata.name
  status.networkUID = network.object.metadata.uid
  const policy = resolvePolicy(qosPolicy, floatingIP, deps.caches)
  // Nothing passes without the limits that it asks for. Where it leads somewhere already it keeps those that it has.
  if (!policy.ok && status.routerUID === undefined) return disconnect(floatingIP, policy.outcome, deps, run)
  const outcome = await lead(floatingIP, network.object, deps, run)
  return outcome.kind === 'done' && !policy.ok ? policy.outcome : outcome
}

async function lead(
  floatingIP: FloatingIP,
  network: Network,
  deps: FloatingIPDeps,
  run: FloatingIPRun,
): Promise<Outcome> {
  const ways = listWays(floatingIP).filter(isWanted)
  const [way] = ways
  const releasing = waitForBalancer(floatingIP, deps.caches)
  if (releasing) return stop(floatingIP, releasing)
  if (!way) return disconnect(floatingIP, done, deps, run)
  if (way.forwarding) return forward(floatingIP, ways, network, deps, run)
  if (way.loadBalancerRef) return leadToBalancer(floatingIP, network, deps, run)
  const target = resolveTarget(floatingIP, way, network, deps)
  if (!target.ok) return disconnect(floatingIP, target.outcome, deps, run)
  await connect(floatingIP, floatingIP.status?.ipAddress ?? '', target.object, deps, run)
  return gatewayOf(floatingIP, target.object.router) ?? done
}

/** It leads nowhere, and all that it has stays as it is. */
function stop(floatingIP: FloatingIP, outcome: Outcome): Outcome {
  floatingIP.status = { ...floatingIP.status, state: 'DOWN' }
  return outcome
}

/** Ports of it lead on: those that can, whatever the others lack. */
async function forward(
  floatingIP: FloatingIP,
  ways: readonly Way[],
  network: Network,
  deps: FloatingIPDeps,
  run: FloatingIPRun,
): Promise<Outcome> {
  const { router, forwardings, lacks } = resolveForwardings(floatingIP, ways, network, deps)
  const missing = allMissing(lacks)?.outcome
  const leading = forwardings.flatMap(({ logical }) => logical ?? [])
  if (!router) {
    const outcome = await disconnect(floatingIP, missing ?? done, deps, run)
    floatingIP.status = { ...floatingIP.status, portForwardings: forwardings.map(({ status }) => status) }
    return outcome
  }
  await limit(floatingIP, router.metadata.uid, deps, run.signal)
  await deps.network.remove('FloatingIP', floatingIP.metadata.uid, run.signal)
  const want: LogicalPortForwarding = {
    ...{ kind: 'PortForwarding', ...ownerOf(floatingIP), routerUid: router.metadata.uid, forwardings: leading },
    ...{ externalAddress: floatingIP.status?.ipAddress ?? '', networkUids: listJoinedNetworks(router, deps) },
  }
  await deps.network.ensure(want, run.signal)
  forgetTarget(floatingIP, deps)
  floatingIP.status = {
    ...{
      ...floatingIP.status,
      state: 'ACTIVE',
      router: keyOfObject(router),
      routerUID: router.metadata.uid,
      distributed: false,
    },
    portForwardings: forwardings.map(({ status }) => status),
  }
  return gatewayOf(floatingIP, router) ?? missing ?? done
}

/** The LoadBalancer itself answers at the address: it has it among its own as long as this leads to it. */
async function leadToBalancer(
  floatingIP: FloatingIP,
  network: Network,
  deps: FloatingIPDeps,
  run: FloatingIPRun,
): Promise<Outcome> {
  const target = resolveBalancer(floatingIP, network, deps.caches)
  if (!target.ok) return disconnect(floatingIP, target.outcome, deps, run)
  const { balancer, router } = target.object
  await limit(floatingIP, router.metadata.uid, deps, run.signal)
  await removeTranslations(floatingIP, deps, run.signal)
  forgetTarget(floatingIP, deps)
  delete floatingIP.status?.portForwardings
  floatingIP.status = {
    ...{ ...floatingIP.status, state: 'ACTIVE', loadBalancerUID: balancer.metadata.uid, distributed: false },
    ...{ router: keyOfObject(router), routerUID: router.metadata.uid },
  }
  return gatewayOf(floatingIP, router) ?? done
}

/** What it waits for while no node carries the router's traffic. */
function gatewayOf(floatingIP: FloatingIP, router: Router): Outcome | undefined {
  const status = (floatingIP.status ??= {})
  if ((router.status?.gateways ?? []).length > 0) return undefined
  status.state = 'DOWN'
  return waitFor(
    'NoGatewayNode',
    `no node carries the traffic of Router ${keyOfObject(router)} to the outside: see its conditions`,
  )
}

/** It names its Network for life. */
function withWayOut(outcome: Outcome): Outcome {
  return outcome.kind === 'wait' && outcome.reason === 'NetworkDeleting'
    ? { ...outcome, message: `${outcome.message}: delete this FloatingIP, and make one of another Network` }
    : outcome
}

/** Of one that has its address already it is none: that stays, and so does the way. */
function findHindrance({ status }: FloatingIP, network: Network): Outcome | undefined {
  const key = keyOfObject(network)
  assertSupported(network, false, 'an address of it (spec.networkRef)', 'make a FloatingIP of another Network')
  if (!isRealised(network)) return waitFor('NetworkNotReady', `waiting for Network ${key}`)
  if (network.spec.external === true || status?.networkUID === network.metadata.uid) return undefined
  return waitFor(
    'NetworkNotExternal',
    `Network ${key} in spec.networkRef is not external: make a FloatingIP of one whose spec.external is true`,
  )
}

async function connect(
  floatingIP: FloatingIP,
  externalAddress: string,
  { port, instance, fixedAddress, router, distributed }: Target,
  deps: FloatingIPDeps,
  { signal }: FloatingIPRun,
): Promise<void> {
  const { network } = deps
  const status = (floatingIP.status ??= {})
  const routerUid = router.metadata.uid
  await limit(floatingIP, routerUid, deps, signal)
  await network.remove('PortForwarding', floatingIP.metadata.uid, signal)
  await network.ensure(
    {
      ...{ kind: 'FloatingIP', ...ownerOf(floatingIP), routerUid, externalAddress, fixedAddress },
      ...(distributed ? { distributed } : {}),
    },
    signal,
  )
  status.fixedIPAddress = fixedAddress
  status.port = port.metadata.name
  status.portUID = port.metadata.uid
  if (instance) status.instanceUID = instance.metadata.uid
  else delete status.instanceUID
  delete status.loadBalancerUID
  status.router = keyOfObject(router)
  status.routerUID = routerUid
  status.distributed = distributed !== undefined
  delete status.portForwardings
  status.state = 'ACTIVE'
}

/** What its policy says, whoever translates. */
async function limit(
  floatingIP: FloatingIP,
  routerUid: string,
  deps: FloatingIPDeps,
  signal: AbortSignal,
): Promise<void> {
  const policy = policyInEffect(resolvePolicy(qosPolicy, floatingIP, deps.caches), floatingIP, deps.caches)
  const { networkUID: networkUid = '', ipAddress: address = '' } = floatingIP.status ?? {}
  const at = { networkUid, target: { what: 'floatingIP', routerUid, address } } as const
  if (policy.ok) await applyPolicy(floatingIP, policy.object, at, deps, signal)
}

/** It leads nowhere, and keeps its address. */
async function disconnect(
  floatingIP: FloatingIP,
  outcome: Outcome,
  deps: FloatingIPDeps,
  { signal }: FloatingIPRun,
): Promise<Outcome> {
  const status = (floatingIP.status ??= {})
  await removeWays(floatingIP, deps, signal)
  forgetTarget(floatingIP, deps)
  delete status.router
  delete status.routerUID
  delete status.distributed
  delete status.portForwardings
  status.state = 'DOWN'
  return outcome
}

async function remove(floatingIP: FloatingIP, deps: FloatingIPDeps, run: FloatingIPRun): Promise<Outcome> {
  const status = (floatingIP.status ??= {})
  status.state = 'DELETING'
  const users = waitForHolders('floatingIPs', floatingIP, deps.caches)
  if (users) return users
  await removeWays(floatingIP, deps, run.signal)
  const releasing = waitForBalancer(floatingIP, deps.caches)
  if (releasing) return releasing
  await deps.addresses.release(deps.addresses.listHeld(holderOfFloatingIP(floatingIP)))
  return released
}

/** But for a LoadBalancer that still answers at its address. */
function forgetTarget(floatingIP: FloatingIP, { caches }: Pick<FloatingIPDeps, 'caches'>): void {
  const { status = {} } = floatingIP
  delete status.fixedIPAddress
  delete status.port
  delete status.portUID
  delete status.instanceUID
  if (!findAnswering(floatingIP, caches)) delete status.loadBalancerUID
}

async function removeWays(floatingIP: FloatingIP, { network }: FloatingIPDeps, signal: AbortSignal): Promise<void> {
  await removeTranslations(floatingIP, { network }, signal)
  await removePolicy(floatingIP, { network }, signal)
}

async function removeTranslations(
  { metadata }: FloatingIP,
  { network }: Pick<FloatingIPDeps, 'network'>,
  signal: AbortSignal,
): Promise<void> {
  await network.remove('FloatingIP', metadata.uid, signal)
  await network.remove('PortForwarding', metadata.uid, signal)
}
