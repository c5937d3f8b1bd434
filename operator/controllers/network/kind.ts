// SPDX-License-Identifier: Apache-2.0
import type { Network } from '../../../lib/api/types.ts'
import type { KindRow, Reference } from '../../kind/row.ts'
import { oneOf } from '../../quota/quota-use.ts'
import { givenPolicy, wantedPolicy } from '../qos-policy/users.ts'

/** The physical network that a Network is. */
export const provider: Reference<Network, 'providerNetworks'> = {
  to: 'providerNetworks',
  refs: ({ spec }) =>
    spec.provider ? [{ ref: spec.provider.providerNetworkRef, field: 'spec.provider.providerNetworkRef' }] : [],
  isKept: hasSegment,
  holds: hasSegment,
}

/** The policy of its Ports. */
export const qosPolicy = wantedPolicy<Network>('spec.qosPolicyRef', ({ spec }) => spec.qosPolicyRef)

export function hasSegment({ status }: Network): boolean {
  return status?.physicalNetwork !== undefined
}

/** @param vlan absent: the physical network without a tag */
export function segmentKey(physicalNetwork: string, vlan = 0): string {
  return `${physicalNetwork}|${vlan}`
}

export function hasOtherSegment({ status: old }: Network, { status }: Network): boolean {
  return old?.physicalNetwork !== status?.physicalNetwork || old?.segmentationID !== status?.segmentationID
}

export const networkKind: KindRow<Network> = {
  quota: oneOf('networks'),
  references: { provider, qosPolicy, givenQoSPolicy: givenPolicy<Network>() },
  indexes: {
    /** The segment that it has; none where an SDN controller has them. Two have the same one only for a moment, or after a restore. */
    segment: ({ status }) =>
      status?.physicalNetwork === undefined || status.controller !== undefined
        ? []
        : [segmentKey(status.physicalNetwork, status.segmentationID)],
    /** Name of the ProviderNetwork that it wants a segment of. */
    segmentWanted: (network) =>
      network.spec.provider && !hasSegment(network) ? [network.spec.provider.providerNetworkRef.name] : [],
  },
}
