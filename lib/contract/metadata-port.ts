// SPDX-License-Identifier: Apache-2.0
// The port by which a network's guests reach the metadata service on their own node. Operator (the row) and agent (the interface) must
// agree on its name and addresses, so both derive them from the network's uid.
import { createHash } from 'node:crypto'

/** Guests reach it on-link by a DHCP classless route, so it takes no address of any subnet. */
export const METADATA_ADDRESS = '169.254.169.254'

/** The same by IPv6, as in OpenStack and as cloud-init knows it: link-local, so that a guest needs no address of any subnet. */
export const METADATA_ADDRESS_V6 = 'fe80::a9fe:a9fe'

export function metadataPortName(networkUid: string): string {
  return `metadata-${networkUid}`
}

/** The row that announces an IPv6 subnet to its guests. */
export function announcerName(subnetUid: string): string {
  return `announcer-${subnetUid}`
}

export function announcerMac(subnetUid: string): string {
  return metadataMac(announcerName(subnetUid))
}

/** Locally administered, with a prefix that no guest's MAC has. */
export function metadataMac(networkUid: string): string {
  const hash = createHash('sha256').update(`metadata ${networkUid}`).digest('hex')
  return `2e:${(hash.slice(0, 10).match(/../g) ?? []).join(':')}`
}
