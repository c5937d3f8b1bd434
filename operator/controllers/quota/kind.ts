// SPDX-License-Identifier: Apache-2.0
import type { Quota } from '../../../lib/api/types.ts'
import type { KindRow } from '../../kind/row.ts'

export const quotaKind: KindRow<Quota> = {
  indexes: { namespace: ({ metadata }) => [metadata.namespace ?? ''] },
}
