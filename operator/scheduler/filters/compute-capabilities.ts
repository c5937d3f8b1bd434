// SPDX-License-Identifier: Apache-2.0
import type { ClassFilter } from './filter.ts'

export const computeCapabilitiesFilter: ClassFilter = {
  name: 'ComputeCapabilitiesFilter',
  by: 'class',
  refuse: (node, { requireKvm }) => (requireKvm && node.acceleration !== 'kvm' ? 'has no KVM' : undefined),
}
