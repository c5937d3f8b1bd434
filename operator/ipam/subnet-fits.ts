// SPDX-License-Identifier: Apache-2.0
import type { Subnet, SubnetPool } from '../../lib/api/types.ts'
import { TerminalError } from '../../lib/errors.ts'
import { keyOfObject } from '../../lib/kube/object.ts'
import { versionOf } from './prefix-lengths.ts'

/**
 * What the schema checks of a Subnet with a cidr, and cannot know of one whose range a pool gives. Pure.
 * @throws TerminalError `AddressFamilyMismatch`, `PrefixLengthNotAllowed`
 */
export function assertFits(pool: SubnetPool, { spec }: Subnet, prefixLength: number): void {
  const key = keyOfObject(pool)
  const version = versionOf(pool)
  const mismatch = (what: string) => {
    throw new TerminalError('AddressFamilyMismatch', `${what}: SubnetPool ${key} gives ranges of IPv${version}`)
  }
  if (version === 4 && spec.ipv6) mismatch('make a Subnet without spec.ipv6')
  if (version === 6 && (spec.dhcp?.hostRoutes ?? []).length > 0)
    mismatch('leave spec.dhcp.hostRoutes out, as DHCPv6 knows no routes')
  if (spec.cidr !== undefined && spec.cidr.includes(':') !== (version === 6))
    mismatch(`make a Subnet without spec.cidr ${spec.cidr}, or with another SubnetPool`)
  const { addressMode = 'dhcpv6-stateful' } = spec.ipv6 ?? {}
  if (addressMode === 'dhcpv6-stateful' || prefixLength === 64) return
  const message = `addresses of prefix and MAC (spec.ipv6.addressMode ${addressMode}) need a prefix of 64 bits, and SubnetPool ${key} would give one of ${prefixLength}: make a Subnet with prefixLength: 64, or with addressMode: dhcpv6-stateful`
  throw new TerminalError('PrefixLengthNotAllowed', message)
}
