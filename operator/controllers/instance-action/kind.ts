// SPDX-License-Identifier: Apache-2.0
import type { InstanceAction } from '../../../lib/api/types.ts'
import { keyOf } from '../../kind/references.ts'
import type { KindRow, Reference } from '../../kind/row.ts'
import { isFinished } from '../common/finished.ts'

export function instanceKeyOf({ spec, metadata }: InstanceAction): string {
  return keyOf(spec.instanceRef, metadata.namespace)
}

/** Its machine; what is finished asks nothing of it any more. A machine that is being deleted is waited for, as its end is. */
const instance: Reference<InstanceAction, 'instances'> = {
  to: 'instances',
  refs: (action) => (isFinished(action) ? [] : [{ ref: action.spec.instanceRef, field: 'spec.instanceRef' }]),
}

export const instanceActionKind: KindRow<InstanceAction> = {
  references: { instance },
  indexes: {
    /** The machine of one that is over. */
    finishedOf: (action) => (isFinished(action) ? [instanceKeyOf(action)] : []),
    /** UID of the machine that has it in its document. */
    running: ({ status }) => (status?.state === 'Running' ? [status.instanceUID ?? ''] : []),
  },
}
