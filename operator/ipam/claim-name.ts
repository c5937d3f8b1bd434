// SPDX-License-Identifier: Apache-2.0

/**
 * The IPClaim's name: the subnet's UID and the address with `.` and `:` as `-`. Names are unique, so creating it is the
 * compare-and-swap over the address, as Kubernetes does it for Service addresses (KEP-1880). RFC 5952 text may begin or end with `::`, a name may not end with `-`: a `0` closes it.
 */
export function claimNameOf(subnetUid: string, address: string): string {
  const flat = address.replaceAll(/[.:]/g, '-')
  return `${subnetUid}-${flat.endsWith('-') ? `${flat}0` : flat}`
}
