// SPDX-License-Identifier: Apache-2.0
// The one reading of which addresses a Subnet has.
import type { Subnet } from '../../../lib/api/types.ts'
import { TransientError } from '../../../lib/errors.ts'
import { planSubnet, type SubnetPlan } from '../../ipam/subnet-plan.ts'
import { familyOf } from '../../network/ovn/addresses.ts'

type Ranged = Pick<Subnet, 'spec' | 'status' | 'metadata'>

/** Its range: what it says, or what its SubnetPool gave, which may be nothing yet. */
export function cidrOf({ spec, status }: Pick<Subnet, 'spec' | 'status'>): string | undefined {
  return spec.subnetPoolRef ? status?.cidr : spec.cidr
}

/** The family of its range; undefined: it has none yet. */
export function familyOfSubnet(subnet: Ranged): 'IPv4' | 'IPv6' | undefined {
  const cidr = cidrOf(subnet)
  return cidr === undefined ? undefined : familyOf(cidr)
}

/**
 * Its gateway, pools and reserved addresses.
 * @throws TerminalError naming the field that is wrong, TransientError while it has no range yet
 */
export function planOf(subnet: Ranged): SubnetPlan {
  const cidr = cidrOf(subnet)
  if (cidr === undefined)
    throw new TransientError('SubnetNotReady', `Subnet ${subnet.metadata.name} has no range yet: see its conditions`)
  return planSubnet({ ...subnet.spec, cidr })
}
