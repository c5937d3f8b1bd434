// SPDX-License-Identifier: Apache-2.0
import type { IPClaim } from '../../../lib/api/types.ts'
import { keyOfRef } from '../../../lib/kube/object.ts'
import type { KindRow } from '../../kind/row.ts'

/** An IPClaim refers to objects by UID too, so that one made anew under an old name is not taken for the one that had the address. */
export const ipClaimKind: KindRow<IPClaim> = {
  indexes: {
    subnet: ({ spec }) => [spec.subnetRef.uid],
    /** Ports that have, or are about to have, one of its addresses. */
    port: ({ spec }) => [...new Set(spec.claims.flatMap(({ portRef }) => (portRef ? [keyOfRef(portRef)] : [])))],
    /** UIDs of other objects that have one of its addresses. */
    owner: ({ spec }) => [...new Set(spec.claims.flatMap(({ ownerRef }) => ownerRef?.uid ?? []))],
    /** UIDs of Instances for which it has addresses. */
    instance: ({ spec }) => [
      ...new Set(spec.claims.flatMap(({ instanceUid }) => (instanceUid === undefined ? [] : [instanceUid]))),
    ],
  },
}
