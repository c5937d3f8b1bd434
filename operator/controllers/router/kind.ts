// SPDX-License-Identifier: Apache-2.0
import type { Router } from '../../../lib/api/types.ts'
import type { KindRow, Reference } from '../../kind/row.ts'

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

export function hasLeg({ status }: Router, subnetUid: string): boolean {
  return status?.interfaces?.some(({ subnetUID }) => subnetUID === subnetUid) ?? false
}

export const routerKind: KindRow<Router> = {
  references: { subnet, leg },
  indexes: {
    /** UIDs of the Subnets that the Router has joined. */
    legUID: ({ status }) => (status?.interfaces ?? []).map(({ subnetUID }) => subnetUID),
  },
}
