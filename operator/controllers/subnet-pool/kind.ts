// SPDX-License-Identifier: Apache-2.0
import type { SubnetPool } from '../../../lib/api/types.ts'
import type { KindRow, Reference } from '../../kind/row.ts'
import { oneOf } from '../../quota/quota-use.ts'

/** The AddressScope in which nobody else has its addresses. A pool that has some there keeps them when it is no longer shared. */
export const scope: Reference<SubnetPool, 'addressScopes'> = {
  to: 'addressScopes',
  refs: ({ spec }) => (spec.addressScopeRef ? [{ ref: spec.addressScopeRef, field: 'spec.addressScopeRef' }] : []),
  isKept: hasPrefixes,
  isGranted: hasPrefixes,
  holds: hasPrefixes,
}

function hasPrefixes({ status }: SubnetPool): boolean {
  return (status?.prefixes?.length ?? 0) > 0
}

export const subnetPoolKind: KindRow<SubnetPool> = { quota: oneOf('subnetPools'), references: { scope } }
