// SPDX-License-Identifier: Apache-2.0
import type { Port } from '../../../lib/api/types.ts'
import type { ObjectKey } from '../../../lib/kube/object.ts'
import { keyOf } from '../common/references.ts'

export const DEFAULT_GROUP = 'default'

/** The groups that a port is a member of: its namespace's `default` when it names none, as in Neutron. */
export function securityGroupKeysOf(port: Port): ObjectKey[] {
  const { spec, metadata } = port
  if (spec.portSecurityEnabled === false) return []
  const refs = spec.securityGroupRefs ?? [{ name: DEFAULT_GROUP }]
  return refs.map((ref) => keyOf(ref, metadata.namespace))
}
