// SPDX-License-Identifier: Apache-2.0
import type { InterfaceRequest } from './request.ts'
import type { ClassFilter } from './filter.ts'

export const dpdkFilter: ClassFilter<InterfaceRequest> = {
  name: 'DpdkFilter',
  by: 'class',
  turnedBy: [],
  refuse: (node, { needsVhostUser }) =>
    needsVhostUser && node.vhostUser !== true ? 'has no DPDK switch for vhost-user ports' : undefined,
}
