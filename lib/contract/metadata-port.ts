// SPDX-License-Identifier: Apache-2.0
// The port through which a network's guests reach the metadata service on their own node. Operator (the row) and agent (the
// interface) must agree on its name and addresses, and both compute them from the network's uid.
import { createHash } from 'node:crypto'

/** Guests reach it on-link by a DHCP classless route, so that no address of any subnet is used up. */
export const METADATA_ADDRESS = '169.254.169.254'

export function metadataPortName(networkUid: string): string {
  return `metadata-${networkUid}`
}

/** Of the row that announces an IPv6 subnet to its guests. */
export function announcerName(subnetUid: string): string {
  return `announcer-${subnetUid}`
}

export function announcerMac(subnetUid: string): string {
  return metadataMac(announcerName(subnetUid))
}

/** Locally administered, and apart from the prefixes that guests' own addresses come from. */
export function metadataMac(networkUid: string): string {
  const hash = createHash('sha256').update(`metadata ${networkUid}`).digest('hex')
  return `2e:${(hash.slice(0, 10).match(/../g) ?? []).join(':')}`
}
