// SPDX-License-Identifier: Apache-2.0
import type { KubeObject, ObjectKey, ObjectRef } from '../../lib/kube/object.ts'
import { keyOf } from './references.ts'

/** Key of the Network that a Subnet or Port is of: in its own namespace where it names none. */
export function networkKeyOf({ spec, metadata }: KubeObject & { spec: { networkRef: ObjectRef } }): ObjectKey {
  return keyOf(spec.networkRef, metadata.namespace)
}
