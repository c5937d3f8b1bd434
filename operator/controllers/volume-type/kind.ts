// SPDX-License-Identifier: Apache-2.0
import type { VolumeType } from '../../../lib/api/types.ts'
import type { KindRow, Reference } from '../../kind/row.ts'

/** Placed volumes remember their pool, so a type does not hold up the pool's deletion. */
const pool: Reference<VolumeType, 'storagePools'> = {
  to: 'storagePools',
  refs: ({ spec }) => [{ ref: spec.storagePoolRef, field: 'spec.storagePoolRef' }],
}

export const volumeTypeKind: KindRow<VolumeType> = { references: { pool } }
