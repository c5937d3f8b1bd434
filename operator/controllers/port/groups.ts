// SPDX-License-Identifier: Apache-2.0
import type { Port } from '../../../lib/api/types.ts'
import type { ObjectKey, ObjectRef } from '../../../lib/kube/object.ts'
import { keyOf } from '../common/references.ts'

export const DEFAULT_GROUP = 'default'

/** The groups that a port is a member of: its namespace's `default` when it names none, as in Neutron. */
export function securityGroupKeysOf(port: Port): ObjectKey[] {
  if (port.spec.portSecurityEnabled === false) return []
  return securityGroupRefsOf(port).map((ref) => keyOf(ref, port.metadata.namespace))
}

export function securityGroupRefsOf({ spec }: Port): readonly ObjectRef[] {
  return spec.securityGroupRefs ?? [{ name: DEFAULT_GROUP }]
}
