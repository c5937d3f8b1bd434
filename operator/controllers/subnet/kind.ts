// SPDX-License-Identifier: Apache-2.0
import type { Subnet } from '../../../lib/api/types.ts'
import type { KindRow, Reference } from '../../kind/row.ts'

export const network: Reference<Subnet, 'networks'> = {
  to: 'networks',
  refs: ({ spec }) => [{ ref: spec.networkRef, field: 'spec.networkRef' }],
  holds: () => true,
}

export const subnetKind: KindRow<Subnet> = { references: { network } }
