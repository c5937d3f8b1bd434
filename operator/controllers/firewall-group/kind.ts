// SPDX-License-Identifier: Apache-2.0
import type { FirewallGroup, FirewallPolicy } from '../../../lib/api/types.ts'
import type { KindRow, NamedRef, Reference } from '../../kind/row.ts'

/** The policies of a direction. The rules that it has stay its own until it can have others. */
function policiesOf(direction: 'ingress' | 'egress'): Reference<FirewallGroup, 'firewallPolicies'> {
  return {
    to: 'firewallPolicies',
    refs: ({ spec }) =>
      (spec[direction]?.policyRefs ?? []).map((ref, i): NamedRef => ({
        ref,
        field: `spec.${direction}.policyRefs[${i}]`,
      })),
    isKept: hasPolicy,
    isGranted: hasPolicy,
    // One that it may not name it does not hold.
    holds: hasPolicy,
  }
}

export const ingressPolicies = policiesOf('ingress')
export const egressPolicies = policiesOf('egress')

/** A Router that goes takes its ports with it: none is held. */
export const routers: Reference<FirewallGroup, 'routers'> = {
  to: 'routers',
  refs: ({ spec }) => spec.ports.map(({ routerRef }, i) => ({ ref: routerRef, field: `spec.ports[${i}].routerRef` })),
  isKept: () => true,
}

function hasPolicy({ status }: FirewallGroup, { metadata }: FirewallPolicy): boolean {
  return status?.policyUIDs?.includes(metadata.uid) ?? false
}

/** Of a port, by what is behind it. */
export function portKey(routerUid: string, subnetUid: string): string {
  return `${routerUid}/${subnetUid}`
}

export const firewallGroupKind: KindRow<FirewallGroup> = {
  references: { ingressPolicies, egressPolicies, routers },
  indexes: {
    /** The ports where it stands. */
    standing: ({ status }) => (status?.ports ?? []).map(({ routerUID, subnetUID }) => portKey(routerUID, subnetUID)),
  },
}
