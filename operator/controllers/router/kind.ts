// SPDX-License-Identifier: Apache-2.0
import type { Router } from '../../../lib/api/types.ts'
import { refOfKey } from '../../../lib/kube/object.ts'
import { ownerOf, type ClaimHolder } from '../../ipam/claim-block.ts'
import { targetKeysOf } from '../../kind/references.ts'
import type { KindRow, Reference } from '../../kind/row.ts'
import { oneOf } from '../../quota/quota-use.ts'
import { givenPolicy, wantedPolicy } from '../qos-policy/users.ts'
import { hasPort } from '../../placed/router-ports.ts'

/** The Subnets that the Router is to join. One of another namespace whose Network is no longer shared stays joined. */
export const subnet: Reference<Router, 'subnets'> = {
  to: 'subnets',
  refs: ({ spec }) =>
    (spec.interfaces ?? []).flatMap(({ subnetRef }, i) =>
      subnetRef ? [{ ref: subnetRef, field: `spec.interfaces[${i}].subnetRef` }] : [],
    ),
  isKept: (router, { metadata }) => hasLeg(router, metadata.uid),
  isGranted: (router, { metadata }) => hasLeg(router, metadata.uid),
}

/** The Ports whose addresses it is to have. */
export const port: Reference<Router, 'ports'> = {
  to: 'ports',
  refs: ({ spec }) =>
    (spec.interfaces ?? []).flatMap(({ portRef }, i) =>
      portRef ? [{ ref: portRef, field: `spec.interfaces[${i}].portRef` }] : [],
    ),
  isKept: (router, { metadata }) => hasPort(router, metadata.uid),
}

/** The Ports that it has, even if they are no longer in its spec. */
const portLeg: Reference<Router, 'ports'> = {
  to: 'ports',
  refs: ({ status }) =>
    (status?.ports ?? []).map(({ name }, i) => ({ ref: { name }, field: `status.ports[${i}].name` })),
  holds: () => true,
}

/** The Subnets that the Router has joined, even if they are no longer in its spec. */
export const leg: Reference<Router, 'subnets'> = {
  to: 'subnets',
  refs: ({ status }) =>
    (status?.interfaces ?? []).map(({ subnet: name, namespace }, i) => ({
      ref: namespace === undefined ? { name } : { namespace, name },
      field: `status.interfaces[${i}].subnet`,
    })),
  holds: () => true,
}

/** The external Network that the Router is to have its gateway on. */
export const outside: Reference<Router, 'networks'> = {
  to: 'networks',
  refs: ({ spec }) =>
    spec.externalGateway ? [{ ref: spec.externalGateway.networkRef, field: 'spec.externalGateway.networkRef' }] : [],
  isKept: (router, { metadata }) => hasGatewayOn(router, metadata.uid),
  isGranted: (router, { metadata }) => hasGatewayOn(router, metadata.uid),
}

/** The Network that it has its gateway on, even if it is no longer in its spec. */
export const gateway: Reference<Router, 'networks'> = {
  to: 'networks',
  refs: ({ status }) =>
    status?.externalGateway
      ? [{ ref: refOfKey(status.externalGateway.network), field: 'status.externalGateway.network' }]
      : [],
  holds: () => true,
}

/** The Subnets that it has external addresses of. */
const gatewaySubnet: Reference<Router, 'subnets'> = {
  to: 'subnets',
  refs: ({ status }) => {
    const { network = '', fixedIPs = [] } = status?.externalGateway ?? {}
    return fixedIPs.map(({ subnet: name }, i) => ({
      ref: { ...refOfKey(network), name },
      field: `status.externalGateway.fixedIPs[${i}].subnet`,
    }))
  },
  holds: () => true,
}

/** The policy of its gateway. */
export const qosPolicy = wantedPolicy<Router>(
  'spec.externalGateway.qosPolicyRef',
  ({ spec }) => spec.externalGateway?.qosPolicyRef,
)

export function hasLeg({ status }: Router, subnetUid: string): boolean {
  return status?.interfaces?.some(({ subnetUID }) => subnetUID === subnetUid) ?? false
}

export function hasGatewayOn({ status }: Router, networkUid: string): boolean {
  return status?.externalGateway?.networkUID === networkUid
}

/** As which it has addresses. */
export function holderOfRouter({ metadata }: Router): ClaimHolder {
  return ownerOf('Router', metadata)
}

export const routerKind: KindRow<Router> = {
  quota: oneOf('routers'),
  references: {
    ...{ subnet, leg, port, portLeg, outside, gateway, gatewaySubnet },
    ...{ qosPolicy, givenQoSPolicy: givenPolicy<Router>() },
  },
  indexes: {
    /** UIDs of the Subnets that the Router has joined at their gateway addresses. */
    legUID: ({ status }) => (status?.interfaces ?? []).map(({ subnetUID }) => subnetUID),
    /** UIDs of the Ports that it has. */
    portLegUID: ({ status }) => (status?.ports ?? []).map(({ uid }) => uid),
    /** UIDs of the Subnets that it joins by a Port. */
    joinedByPort: ({ status }) => [
      ...new Set((status?.ports ?? []).flatMap(({ fixedIPs }) => fixedIPs.map(({ subnetUID }) => subnetUID))),
    ],
    /** Names of the nodes that may carry its traffic to the outside. */
    gatewayNode: ({ status }) => status?.gateways ?? [],
    /** The node that is to carry it. */
    activeGateway: ({ status }) => (status?.gateways ?? []).slice(0, 1),
    /** The external addresses that it asks for. */
    askedAddress: ({ spec }) => (spec.externalGateway?.fixedIPs ?? []).flatMap(({ ipAddress }) => ipAddress ?? []),
    /** The Network on which it waits for a gateway. */
    withoutGateway: (router) => (router.status?.externalGateway === undefined ? targetKeysOf(outside, router) : []),
  },
}
