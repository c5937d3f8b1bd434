// SPDX-License-Identifier: Apache-2.0
import type { Instance } from '../../../lib/api/types.ts'
import { keyOfRef, type ObjectKey } from '../../../lib/kube/object.ts'

/** Of the ServerGroup that the machine is a member of. */
export function groupKeyOf({ spec, metadata }: Pick<Instance, 'spec' | 'metadata'>): ObjectKey | undefined {
  const { serverGroupRef } = spec
  return serverGroupRef && keyOfRef({ namespace: metadata.namespace, name: serverGroupRef.name })
}
