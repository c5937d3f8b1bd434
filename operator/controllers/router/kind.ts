// SPDX-License-Identifier: Apache-2.0
import type { Router } from '../../../lib/api/types.ts'
import type { ObjectRef } from '../../../lib/kube/object.ts'
import type { ClaimHolder } from '../../ipam/claim-block.ts'
import { targetKeysOf } from '../../kind/references.ts'
import type { KindRow, Reference } from '../../kind/row.ts'
import { givenPolicy, wantedPolicy } from '../qos-policy/users.ts'

/** The Subnets that the Router is to join. */
export const subnet: Reference<Router, 'subnets'> = {
  to: 'subnets',
  refs: ({ spec }) =>
    (spec.interfaces ?? []).map(({ subnetRef }, i) => ({ ref: subnetRef, field: `spec.interfaces[${i}].subnetRef` })),
  isKept: (router, { metadata }) => hasLeg(router, metadata.uid),
}

/** The Subnets that the Router has joined, even if they are no longer in its spec. */
export const leg: Reference<Router, 'subnets'> = {
  to: 'subnets',
  refs: ({ status }) =>
    (status?.interfaces ?? []).map(({ subnet: name }, i) => ({
      ref: { name },
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
      ? [{ ref: refOf(status.externalGateway.network), field: 'status.externalGateway.network' }]
      : [],
  holds: () => true,
}

/** The Subnets that it has external addresses of. */
const gatewaySubnet: Reference<Router, 'subnets'> = {
  to: 'subnets',
  refs: ({ status }) => {
    const { network = '', fixedIPs = [] } = status?.externalGateway ?? {}
    return fixedIPs.map(({ subnet: name }, i) => ({
      ref: { ...refOf(network), name },
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

/** `team/public` as a reference. */
function refOf(key: string): ObjectRef {
  const [namespace = '', name = ''] = key.split('/')
  return { namespace, name }
}

export function hasLeg({ status }: Router, subnetUid: string): boolean {
  return status?.interfaces?.some(({ subnetUID }) => subnetUID === subnetUid) ?? false
}

export function hasGatewayOn({ status }: Router, networkUid: string): boolean {
  return status?.externalGateway?.networkUID === networkUid
}

/** As which it has addresses. */
export function holderOfRouter({ metadata }: Router): ClaimHolder {
  return { kind: 'Router', namespace: metadata.namespace ?? '', name: metadata.name, uid: metadata.uid }
}

export const routerKind: KindRow<Router> = {
  references: { subnet, leg, outside, gateway, gatewaySubnet, qosPolicy, givenQoSPolicy: givenPolicy<Router>() },
  indexes: {
    /** UIDs of the Subnets that the Router has joined. */
    legUID: ({ status }) => (status?.interfaces ?? []).map(({ subnetUID }) => subnetUID),
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
