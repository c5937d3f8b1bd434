// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util'
import type { ComputeNode, LoadBalancer } from '../../../lib/api/types.ts'
import { refOfKey } from '../../../lib/kube/object.ts'
import { ownerOf, type ClaimHolder } from '../../ipam/claim-block.ts'
import { targetKeysOf } from '../../kind/references.ts'
import type { KindRow, Reference } from '../../kind/row.ts'
import { oneOf } from '../../quota/quota-use.ts'
import { labelKey } from '../instance/label-keys.ts'
import { answeringOf } from './own-addresses.ts'
import { isProxied, poolsOf } from './pools.ts'

/** The Subnet of its address. */
export const subnet: Reference<LoadBalancer, 'subnets'> = {
  to: 'subnets',
  refs: ({ spec }) => [{ ref: spec.vip.subnetRef, field: 'spec.vip.subnetRef' }],
  isKept: ({ status }, { metadata }) => status?.subnetUID === metadata.uid,
  holds: ({ status }) => status?.vipAddress !== undefined,
}

/** The Subnets from which it probes: it has an address of each. */
const probedSubnet: Reference<LoadBalancer, 'subnets'> = {
  to: 'subnets',
  refs: ({ status }) =>
    (status?.probeAddresses ?? []).map(({ subnet: name }, i) => ({
      ref: { name },
      field: `status.probeAddresses[${i}].subnet`,
    })),
  holds: () => true,
}

/** A Port that goes is no member any more. */
export const port: Reference<LoadBalancer, 'ports'> = {
  to: 'ports',
  refs: ({ spec }) =>
    poolsOf(spec).flatMap(({ members = [], field }) =>
      members.flatMap(({ portRef }, j) => (portRef ? [{ ref: portRef, field: `${field}.members[${j}].portRef` }] : [])),
    ),
}

/** The Router that answers for its address. One of another namespace goes when that wants it: nobody there could delete the balancer. */
const router: Reference<LoadBalancer, 'routers'> = {
  to: 'routers',
  refs: ({ status }) =>
    status?.router === undefined ? [] : [{ ref: refOfKey(status.router), field: 'status.router' }],
  holds: (balancer, { metadata }) => balancer.metadata.namespace === metadata.namespace,
}

/** Nodes that run its proxies, or have not let go of one. */
const proxyNode: Reference<LoadBalancer, 'computeNodes'> = {
  to: 'computeNodes',
  refs: ({ status }) =>
    (['proxies', 'pendingReleases'] as const).flatMap((list) =>
      (status?.[list] ?? []).map(({ node: name }, i) => ({ ref: { name }, field: `status.${list}[${i}].node` })),
    ),
  holds: () => true,
  // What else of a node matters stands in controller.ts.
  wakes: (old, now) => !isDeepStrictEqual(releasesOf(old), releasesOf(now)),
}

function releasesOf({ metadata, spec, status }: ComputeNode): unknown {
  return [metadata.deletionTimestamp, spec.lost, status?.releases]
}

/** As which it has its address. */
export function holderOfBalancer({ metadata }: LoadBalancer): ClaimHolder {
  return ownerOf('LoadBalancer', metadata)
}

/** Whether it has HTTP listeners and fewer proxies than it could have. */
function wantsProxies({ spec, status }: LoadBalancer): boolean {
  return spec.listeners.some(({ protocol }) => isProxied(protocol)) && (status?.proxies?.length ?? 0) < MOST_PROXIES
}

/** As which it has the addresses from where it probes: one in each Subnet, and so not as which it is reached. */
export function holderOfProbes({ metadata }: LoadBalancer): ClaimHolder {
  return ownerOf('HealthMonitor', metadata)
}

/** The label of each selector by which its machines are looked up; the others are compared. */
function selectorKeysOf({ spec, metadata }: LoadBalancer): string[] {
  const selectors = poolsOf(spec).flatMap(({ members = [] }) => members.flatMap((one) => one.instanceSelector ?? []))
  return [...new Set(selectors.flatMap(({ matchLabels }) => firstKeyOf(metadata.namespace, matchLabels)))]
}

export function firstKeyOf(namespace: string | undefined, matchLabels: Readonly<Record<string, string>>): string[] {
  return Object.keys(matchLabels)
    .sort()
    .slice(0, 1)
    .map((key) => labelKey(namespace, key, matchLabels[key] ?? ''))
}

export const MOST_PROXIES = 2

export const loadBalancerKind: KindRow<LoadBalancer> = {
  references: { subnet, probedSubnet, port, router, proxyNode },
  quota: oneOf('loadBalancers'),
  document: 'balancer',
  indexes: {
    /** `true`: it has HTTP listeners and fewer proxies than it could have. */
    wantsProxies: (balancer) => (wantsProxies(balancer) ? ['true'] : []),
    /** `team/app=web`: labels by which it selects machines. */
    selects: selectorKeysOf,
    /** Addresses that its members are written as. */
    memberAddress: ({ spec }) => [
      ...new Set(poolsOf(spec).flatMap(({ members = [] }) => members.flatMap(({ ipAddress }) => ipAddress ?? []))),
    ],
    /** Where it and its proxies are reached. */
    answersAt: answeringOf,
    /** UID of the Router that answers for its address. */
    routerUID: ({ status }) => (status?.routerUID === undefined ? [] : [status.routerUID]),
    /** The Router behind which it monitors members. */
    monitors: ({ spec, status }) =>
      status?.router !== undefined &&
      spec.listeners.some(({ healthMonitor, protocol }) => healthMonitor && !isProxied(protocol))
        ? [status.router]
        : [],
    /** The Subnet of which it waits for an address, or for one of a proxy. */
    withoutAddress: (balancer) =>
      balancer.status?.vipAddress === undefined || wantsProxies(balancer) ? targetKeysOf(subnet, balancer) : [],
  },
}
