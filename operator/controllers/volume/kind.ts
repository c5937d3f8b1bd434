// SPDX-License-Identifier: Apache-2.0
import type { Volume } from '../../../lib/api/types.ts'
import type { KindRow, Reference } from '../../kind/row.ts'
import { NOTHING, type Amounts } from '../../quota/amounts.ts'
import { isLetIn } from '../../quota/quota-use.ts'
import { grantedOf } from './granted-size.ts'

const node: Reference<Volume, 'computeNodes'> = {
  to: 'computeNodes',
  refs: ({ status }) => (status?.node === undefined ? [] : [{ ref: { name: status.node }, field: 'status.node' }]),
  holds: () => true,
}

const pool: Reference<Volume, 'storagePools'> = {
  to: 'storagePools',
  refs: ({ status }) => (status?.pool === undefined ? [] : [{ ref: { name: status.pool }, field: 'status.pool' }]),
  holds: () => true,
}

/** What it counts for with that size in all: as in Cinder also by type, where it names one. */
export function amountsOf({ spec: { volumeTypeRef: type } }: Volume, gigabytes: number): Amounts {
  const ofType = type && { [`volumes.${type.name}`]: 1, [`gigabytes.${type.name}`]: gigabytes }
  return { volumes: 1, gigabytes, ...ofType }
}

export const volumeKind: KindRow<Volume> = {
  quota: {
    needs: (volume) => amountsOf(volume, volume.spec.sizeGiB),
    isPromised: (volume) =>
      volume.status?.node === undefined &&
      volume.status?.observedGeneration === volume.metadata.generation &&
      isLetIn(volume),
    // Without a place it asks anew with each run: its size may be another by now.
    has: (volume) => (volume.status?.node === undefined ? NOTHING : amountsOf(volume, grantedOf(volume))),
  },
  references: { node, pool },
  indexes: {
    /** The empty name stands for the default type. */
    type: ({ spec }) => [spec.volumeTypeRef?.name ?? ''],
    attachedTo: ({ status }) => (status?.attachedTo ? [status.attachedTo.uid] : []),
    /** The node of the machine that has it. */
    usedOn: ({ status }) => (status?.attachedTo?.node === undefined ? [] : [status.attachedTo.node]),
  },
  document: 'volume',
}
