// SPDX-License-Identifier: Apache-2.0
import { FLOATING_IP, LOAD_BALANCER, PORT, ROUTER, VPN_SERVICE } from '../../../lib/api/kinds.ts'
import type { FloatingIP, Instance, IPClaim, LoadBalancer, Port, Router, VPNService } from '../../../lib/api/types.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, type Outcome } from '../../../lib/outcome.ts'
import { describeHolder, holderOf, type BlockRef, type ClaimEntry } from '../../ipam/claim-block.ts'
import { toStoredBlock } from '../../ipam/claim-object.ts'
import { isProxied } from '../load-balancer/pools.ts'
import { isProxyHolder } from '../load-balancer/proxy-addresses.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { familyOf } from '../../network/ovn/addresses.ts'
import { targetKeysOf } from '../../kind/references.ts'
import { outside, subnet as subnetOfRouter } from '../router/kind.ts'
import { networkKeyOf } from '../../kind/network-key.ts'

export async function reconcileIPClaim(
  claim: IPClaim,
  deps: Pick<OperatorDeps, 'caches' | 'addresses'>,
  run: Pick<Run, 'client' | 'signal' | 'log'>,
): Promise<Outcome> {
  if (claim.metadata.deletionTimestamp !== undefined) return done
  const block = toStoredBlock(claim)
  const stale: ClaimEntry[] = []
  for (const entry of block.entries) if (await isIdle(entry, block, deps, run)) stale.push(entry)
  await deps.addresses.release(stale.map((entry) => ({ block, entry })))
  for (const entry of stale)
    run.log.info(
      { address: entry.address, holder: describeHolder(holderOf(entry)) },
      'address claim of nobody released',
    )
  return done
}

/** Two caches never show the same moment: an address is released only if the apiserver confirms it now. */
async function isIdle(
  entry: ClaimEntry,
  block: BlockRef,
  deps: Pick<OperatorDeps, 'caches'>,
  { client, signal }: Pick<Run, 'client' | 'signal'>,
): Promise<boolean> {
  const { portRef, ownerRef, instanceUid } = entry
  if (ownerRef) {
    const isIdleOf = (owner: AddressOwner | undefined) => isAbandoned(entry, block, owner, deps)
    return isIdleOf(cachedOwner(ownerRef, deps)) && isIdleOf(await storedOwner(ownerRef, client, signal))
  }
  if (!portRef) return false
  const instance = instanceUid === undefined ? undefined : deps.caches.instances.findByUid(instanceUid)
  const isStaleOf = (port: Port | undefined) =>
    isStale(entry, block.subnetName, { port, instance, isSettled: port !== undefined && hasItsAddresses(port, deps) })
  return (
    isStaleOf(deps.caches.ports.find(portRef.namespace, portRef.name)) &&
    isStaleOf(await client.find<Port>(PORT, portRef, { signal }))
  )
}

type AddressOwner = Router | FloatingIP | LoadBalancer | VPNService
type OwnerRef = NonNullable<ClaimEntry['ownerRef']>

const OWNERS = {
  Router: { kind: ROUTER, cache: 'routers' },
  FloatingIP: { kind: FLOATING_IP, cache: 'floatingIPs' },
  LoadBalancer: { kind: LOAD_BALANCER, cache: 'loadBalancers' },
  HealthMonitor: { kind: LOAD_BALANCER, cache: 'loadBalancers' },
  ProxyAddress: { kind: LOAD_BALANCER, cache: 'loadBalancers' },
  FirstProxy: { kind: LOAD_BALANCER, cache: 'loadBalancers' },
  SecondProxy: { kind: LOAD_BALANCER, cache: 'loadBalancers' },
  ThirdProxy: { kind: LOAD_BALANCER, cache: 'loadBalancers' },
  FourthProxy: { kind: LOAD_BALANCER, cache: 'loadBalancers' },
  VPNService: { kind: VPN_SERVICE, cache: 'vpnServices' },
} as const satisfies Record<OwnerRef['kind'], object>

function cachedOwner({ kind, namespace, name }: OwnerRef, { caches }: Pick<OperatorDeps, 'caches'>) {
  return caches[OWNERS[kind].cache].find(namespace, name)
}

function storedOwner(ref: OwnerRef, client: Run['client'], signal: AbortSignal): Promise<AddressOwner | undefined> {
  return client.find<AddressOwner>(OWNERS[ref.kind].kind, { namespace: ref.namespace, name: ref.name }, { signal })
}

/**
 * | owner                                       | claim |
 * |---------------------------------------------|-------|
 * | does not exist, or another one of that name | stale |
 * | has the address                             | kept  |
 * | asks for one of this subnet                 | kept: it may be about to have it, and gives back itself what it does not use |
 * | neither                                     | stale |
 */
function isAbandoned(
  { address, ownerRef }: ClaimEntry,
  block: BlockRef,
  owner: AddressOwner | undefined,
  { caches }: Pick<OperatorDeps, 'caches'>,
): boolean {
  if (!owner || owner.metadata.uid !== ownerRef?.uid) return true
  if (ownerRef.kind === 'FloatingIP') {
    const { ipAddress } = (owner as FloatingIP).status ?? {}
    return ipAddress !== undefined && ipAddress !== address
  }
  if (ownerRef.kind === 'LoadBalancer') {
    const { vipAddress } = (owner as LoadBalancer).status ?? {}
    return vipAddress !== undefined && vipAddress !== address
  }
  if (isProxyHolder(ownerRef.kind)) return isProxyAbandoned(address, owner as LoadBalancer)
  if (ownerRef.kind === 'VPNService') {
    const { externalIP, externalIPv6 } = (owner as VPNService).status ?? {}
    const has = familyOf(address) === 'IPv6' ? externalIPv6 : externalIP
    return has !== undefined && has !== address
  }
  if (ownerRef.kind === 'HealthMonitor') return isProbeAbandoned(address, block, owner as LoadBalancer)
  const router = owner as Router
  const { interfaces = [], externalGateway } = router.status ?? {}
  const has = [...interfaces, ...(externalGateway?.fixedIPs ?? [])].some(
    ({ subnetUID, ipAddress }) => subnetUID === block.subnetUid && ipAddress === address,
  )
  if (has || targetKeysOf(subnetOfRouter, router).includes(`${block.namespace}/${block.subnetName}`)) return false
  const subnet = caches.subnets.find(block.namespace, block.subnetName)
  const network = subnet && networkKeyOf(subnet)
  return network === undefined || !targetKeysOf(outside, router).includes(network)
}

/** One with HTTP listeners may be about to have it. */
function isProxyAbandoned(address: string, { spec, status = {} }: LoadBalancer): boolean {
  const { proxyAddress, proxies = [], pendingReleases = [] } = status
  const had = [...proxies, ...pendingReleases].map(({ ipAddress }) => ipAddress)
  return (
    proxyAddress !== address && !had.includes(address) && !spec.listeners.some(({ protocol }) => isProxied(protocol))
  )
}

/** One that monitors and has none in this subnet yet may be about to have it. */
function isProbeAbandoned(address: string, block: BlockRef, { spec, status }: LoadBalancer): boolean {
  const had = status?.probeAddresses?.find(({ subnetUID }) => subnetUID === block.subnetUid)
  if (had) return had.ipAddress !== address
  return !spec.listeners.some(({ healthMonitor }) => healthMonitor !== undefined)
}

interface Claimants {
  port: Port | undefined
  instance: Instance | undefined
  /** The port already has all its addresses. */
  isSettled: boolean
}

/**
 * | port                               | claim |
 * |------------------------------------|-------|
 * | has this address                   | kept  |
 * | has another one in this subnet     | stale |
 * | has all of its in other subnets    | stale: left by an abandoned attempt |
 * | has not got all of its yet         | kept  |
 * | is another object under that name  | stale |
 * | does not exist, its Instance lives | kept: it is about to be made |
 * | does not exist                     | stale |
 */
function isStale(
  { address, portRef }: ClaimEntry,
  subnetName: string,
  { port, instance, isSettled }: Claimants,
): boolean {
  if (!port) return instance === undefined || instance.metadata.deletionTimestamp !== undefined
  if (portRef?.uid !== undefined && portRef.uid !== port.metadata.uid) return true
  const known = addressesIn(port, subnetName)
  return !known.includes(address) && (isSettled || known.length > 0)
}

/** Whether the port claims no further addresses: those in its status are its for life, unless none of their subnets exists any more. */
function hasItsAddresses(port: Port, { caches }: Pick<OperatorDeps, 'caches'>): boolean {
  const subnets = caches.subnets.listBy('network', networkKeyOf(port))
  return (port.status?.fixedIPs ?? []).some((had) => subnets.some((subnet) => subnet.metadata.name === had.subnet))
}

function addressesIn(port: Port, subnet: string): string[] {
  const wanted = (port.spec.fixedIPs ?? []).flatMap((f) =>
    f.subnetRef.name === subnet && f.ipAddress !== undefined ? [f.ipAddress] : [],
  )
  const had = (port.status?.fixedIPs ?? []).flatMap((f) => (f.subnet === subnet ? [f.ipAddress] : []))
  return [...wanted, ...had]
}
