// SPDX-License-Identifier: Apache-2.0
import type { FirewallGroup, FirewallPolicy, Router } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { keyOf } from '../../kind/references.ts'
import { refOfKey } from '../../../lib/kube/object.ts'
import type { KindRow, NamedRef, Reference } from '../../kind/row.ts'
import { oneOf } from '../../quota/quota-use.ts'

export const DIRECTIONS = ['ingress', 'egress'] as const
export type Direction = (typeof DIRECTIONS)[number]

/** The policies of a direction that the spec asks for. */
function policiesOf(direction: Direction): Reference<FirewallGroup, 'firewallPolicies'> {
  return {
    to: 'firewallPolicies',
    refs: ({ spec }) =>
      (spec[direction]?.policyRefs ?? []).map((ref, i): NamedRef => ({
        ref,
        field: `spec.${direction}.policyRefs[${i}]`,
      })),
    isKept: hasPolicy,
    isGranted: hasPolicy,
  }
}

export const ingressPolicies = policiesOf('ingress')
export const egressPolicies = policiesOf('egress')

/** The policies whose rules it has, even if its spec names others by now. */
const givenPolicies: Reference<FirewallGroup, 'firewallPolicies'> = {
  to: 'firewallPolicies',
  refs: ({ status }) =>
    DIRECTIONS.flatMap((direction) =>
      (status?.[`${direction}Policies`] ?? []).map(({ policy }, i) => ({
        ref: refOfKey(policy),
        field: `status.${direction}Policies[${i}].policy`,
      })),
    ),
  holds: hasPolicy,
}

/** A Router that goes takes its ports with it: none is held. */
export const routers: Reference<FirewallGroup, 'routers'> = {
  to: 'routers',
  refs: ({ spec }) => spec.ports.map(({ routerRef }, i) => ({ ref: routerRef, field: `spec.ports[${i}].routerRef` })),
  isKept: () => true,
}

function hasPolicy({ status }: FirewallGroup, { metadata }: FirewallPolicy): boolean {
  return DIRECTIONS.some((direction) =>
    status?.[`${direction}Policies`]?.some(({ policyUID }) => policyUID === metadata.uid),
  )
}

/** Whether its spec names the Router's port that has these Subnets behind it, `namespace/name` each. */
export function isAbout({ metadata, spec }: FirewallGroup, router: Router, subnets: readonly string[]): boolean {
  const { namespace } = metadata
  return spec.ports.some(
    ({ routerRef, subnetRef }) =>
      keyOf(routerRef, namespace) === keyOfObject(router) &&
      (subnetRef === undefined || subnets.includes(keyOf(subnetRef, namespace))),
  )
}

/** Of a port of a Router, by the Subnet or Port with which it joins. */
export function portKey(routerUid: string, legUid: string): string {
  return `${routerUid}/${legUid}`
}

/** Keys of the ports where it stands. */
export function standingOf({ status }: FirewallGroup): string[] {
  return (status?.ports ?? []).map(({ routerUID, subnetUID, portUID }) =>
    portKey(routerUID, subnetUID ?? portUID ?? ''),
  )
}

export const firewallGroupKind: KindRow<FirewallGroup> = {
  quota: oneOf('firewallGroups'),
  references: { ingressPolicies, egressPolicies, givenPolicies, routers },
  indexes: {
    standing: standingOf,
  },
}
