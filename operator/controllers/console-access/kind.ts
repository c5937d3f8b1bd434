// SPDX-License-Identifier: Apache-2.0
import type { ConsoleAccess } from '../../../lib/api/types.ts'
import { keyOf } from '../../kind/references.ts'
import type { KindRow, Reference } from '../../kind/row.ts'

export function instanceKeyOf({ spec, metadata }: ConsoleAccess): string {
  return keyOf(spec.instanceRef, metadata.namespace)
}

/** It opens nothing any more. */
export function isOver({ status }: Pick<ConsoleAccess, 'status'>): boolean {
  return status?.state === 'Closed' || status?.state === 'Failed'
}

/** Whether its machine's document has it. */
export function isGiven(access: ConsoleAccess): boolean {
  const { metadata, status } = access
  return metadata.deletionTimestamp === undefined && status?.tokenSHA256 !== undefined && !isOver(access)
}

/** Its machine; what is over asks nothing of it any more. */
const instance: Reference<ConsoleAccess, 'instances'> = {
  to: 'instances',
  refs: (access) => (isOver(access) ? [] : [{ ref: access.spec.instanceRef, field: 'spec.instanceRef' }]),
}

export const consoleAccessKind: KindRow<ConsoleAccess> = {
  references: { instance },
  indexes: {
    /** UID of the machine that has it in its document. */
    given: (access) => (isGiven(access) ? [access.status?.instanceUID ?? ''] : []),
  },
}
