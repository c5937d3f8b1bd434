// SPDX-License-Identifier: Apache-2.0
import type { FloatingIP } from '../../../lib/api/types.ts'
import { refOfKey } from '../../../lib/kube/object.ts'
import { ownerOf, type ClaimHolder } from '../../ipam/claim-block.ts'
import { targetKeysOf } from '../../kind/references.ts'
import type { KindRow, Reference } from '../../kind/row.ts'
import { oneOf } from '../../quota/quota-use.ts'
import { givenPolicy, wantedPolicy } from '../qos-policy/users.ts'
import { isWanted, listWays, portUIDsOf } from './ways.ts'

/** The external Network. One that no longer shares itself keeps the addresses that it gave. */
export const network: Reference<FloatingIP, 'networks'> = {
  to: 'networks',
  refs: ({ spec }) => [{ ref: spec.networkRef, field: 'spec.networkRef' }],
  isKept: ({ status }, { metadata }) => status?.networkUID === metadata.uid,
  isGranted: ({ status }, { metadata }) => status?.networkUID === metadata.uid,
  holds: ({ status }) => status?.networkUID !== undefined,
}

/** The Subnet that its address is of. */
const subnet: Reference<FloatingIP, 'subnets'> = {
  to: 'subnets',
  refs: ({ spec, status }) =>
    status?.subnet === undefined ? [] : [{ ref: { ...spec.networkRef, name: status.subnet }, field: 'status.subnet' }],
  holds: () => true,
}

/** A Port that goes takes the address with it only with reclaimPolicy Delete: otherwise that leads nowhere then. */
export const port: Reference<FloatingIP, 'ports'> = {
  to: 'ports',
  refs: (floatingIP) =>
    listWays(floatingIP).flatMap(({ portRef, field }) =>
      portRef ? [{ ref: portRef, field: `${field}.portRef` }] : [],
    ),
  isKept: (floatingIP, { metadata }) => portUIDsOf(floatingIP).includes(metadata.uid),
  // Not gone unseen. It goes by itself, and holds it no longer than that takes.
  holds: ({ spec, status }) => isReclaimable(spec) && spec.portRef !== undefined && status?.portUID !== undefined,
}

/** The Instance whose Port it leads to. */
export const instance: Reference<FloatingIP, 'instances'> = {
  to: 'instances',
  refs: (floatingIP) =>
    listWays(floatingIP).flatMap(({ instanceRef, field }) =>
      instanceRef ? [{ ref: instanceRef, field: `${field}.instanceRef` }] : [],
    ),
  isKept: ({ status }, { metadata }) =>
    status?.instanceUID === metadata.uid ||
    status?.portForwardings?.some(({ portUID }) => portUID !== undefined) === true,
  holds: ({ spec, status }) => isReclaimable(spec) && status?.instanceUID !== undefined,
}

function isReclaimable({ reclaimPolicy }: FloatingIP['spec']): boolean {
  return reclaimPolicy === 'Delete'
}

export const qosPolicy = wantedPolicy<FloatingIP>('spec.qosPolicyRef', ({ spec }) => spec.qosPolicyRef)

/** The LoadBalancer that answers at the address, too. One that goes takes nothing of the address with it. */
export const loadBalancer: Reference<FloatingIP, 'loadBalancers'> = {
  to: 'loadBalancers',
  refs: ({ spec }) => (spec.loadBalancerRef ? [{ ref: spec.loadBalancerRef, field: 'spec.loadBalancerRef' }] : []),
  isKept: ({ status }, { metadata }) => status?.loadBalancerUID === metadata.uid,
}

/** The Router that translates. */
const router: Reference<FloatingIP, 'routers'> = {
  to: 'routers',
  refs: ({ status }) =>
    status?.router === undefined ? [] : [{ ref: refOfKey(status.router), field: 'status.router' }],
  holds: () => true,
}

/** As which it has its address. */
export function holderOfFloatingIP({ metadata }: FloatingIP): ClaimHolder {
  return ownerOf('FloatingIP', metadata)
}

export const floatingIPKind: KindRow<FloatingIP> = {
  quota: oneOf('floatingIPs'),
  references: {
    network,
    subnet,
    instance,
    port,
    loadBalancer,
    router,
    qosPolicy,
    givenQoSPolicy: givenPolicy<FloatingIP>(),
  },
  indexes: {
    /** The Network on which it waits for its address. */
    withoutAddress: (floatingIP) =>
      floatingIP.status?.ipAddress === undefined ? targetKeysOf(network, floatingIP) : [],
    /** The external Network, of one that waits for a Router to it. By its spec: a short wait is not written. */
    unrouted: (floatingIP) => {
      const wanted = listWays(floatingIP).filter(isWanted)
      const given = [...portUIDsOf(floatingIP), ...balancerUIDsOf(floatingIP)]
      return wanted.length > given.length ? targetKeysOf(network, floatingIP) : []
    },
    /** UID of the LoadBalancer that it leads to. */
    loadBalancerUID: balancerUIDsOf,
    /** UIDs of the Ports that it leads to. */
    portUID: (floatingIP) => [...new Set(portUIDsOf(floatingIP))],
  },
}

function balancerUIDsOf({ status }: FloatingIP): string[] {
  return status?.loadBalancerUID === undefined ? [] : [status.loadBalancerUID]
}
