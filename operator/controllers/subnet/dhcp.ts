// SPDX-License-Identifier: Apache-2.0
import type { Subnet } from '../../../lib/api/types.ts'
import { familyOf } from '../../network/ovn/addresses.ts'

/** Whether the network answers guests of the subnet by DHCP. */
export function hasDhcp({ spec }: Subnet): boolean {
  return spec.dhcp?.enabled !== false && familyOf(spec.cidr) === 'IPv4'
}
