// SPDX-License-Identifier: Apache-2.0
import type { SharedFacts } from '../nodes/node-facts.ts'
import { matchesExtraSpec } from './extra-spec-operators.ts'
import type { ClassFilter } from './filter.ts'
import { versionNumber } from './versions.ts'

const SCOPE = 'capabilities:'

/** KVM where it is asked for, and what the Flavor asks for by capabilities: in its extra specs. */
export const computeCapabilitiesFilter: ClassFilter = {
  name: 'ComputeCapabilitiesFilter',
  by: 'class',
  turnedBy: [],
  refuse(node, { requireKvm, flavor }) {
    if (requireKvm && node.acceleration !== 'kvm') return 'has no KVM'
    for (const [spec, required] of Object.entries(flavor?.extraSpecs ?? {})) {
      if (!spec.startsWith(SCOPE)) continue
      const name = spec.slice(SCOPE.length)
      const value = CAPABILITIES.get(name)?.(node)
      if (value === undefined) return `says nothing of capability ${name}`
      if (!matchesExtraSpec(value, required)) return `has ${name} ${value}, the Flavor asks for ${required}`
    }
    return undefined
  },
}

/** By Nova's names where it has them. */
const CAPABILITIES = new Map<string, (node: SharedFacts) => string | undefined>([
  ['hypervisor_type', ({ hypervisorType }) => hypervisorType],
  ['hypervisor_version', ({ hypervisorVersion }) => hypervisorVersion && String(versionNumber(hypervisorVersion))],
  ['cpu_info:arch', () => 'x86_64'],
  ['acceleration', ({ acceleration }) => acceleration],
  ['availability_zone', ({ zone }) => zone],
  ['vhost_user', ({ vhostUser }) => String(vhostUser === true)],
])
