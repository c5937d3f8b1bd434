// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto'
import { announcerMac, metadataMac } from '../../lib/contract/metadata-port.ts'

export const DEFAULT_MAC_PREFIX = 'fa:16:3e'

/**
 * A locally made MAC address: the prefix's three bytes and three of a hash of the seed. The same seed gives the same address, so
 * retrying a port yields the same MAC; after a collision, call again with the next attempt number.
 * @param seed the owner's UID and NIC number
 */
export function generateMac(prefix: string, seed: string, attempt = 0): string {
  const digest = createHash('sha256').update(`${seed}#${attempt}`).digest()
  const tail = [digest[0], digest[1], digest[2]].map((byte) => (byte ?? 0).toString(16).padStart(2, '0'))
  return [prefix.toLowerCase(), ...tail].join(':')
}

/** How many addresses a seed can yield. */
const ATTEMPTS = 64

/** The first of the seed's addresses that is not taken, if any. */
export function chooseMac(prefix: string, seed: string, isTaken: (mac: string) => boolean): string | undefined {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const mac = generateMac(prefix, seed, attempt)
    if (!isTaken(mac)) return mac
  }
  return undefined
}

/** Whether this is one of the seed's addresses, whatever prefix the cloud used. */
export function isMacOf(mac: string, seed: string): boolean {
  const prefix = mac.slice(0, DEFAULT_MAC_PREFIX.length)
  return chooseMac(prefix, seed, (other) => other !== mac) !== undefined
}

/**
 * Who a reserved MAC address belongs to, for messages. No guest may have one: the metadata service uses one on every node, and each
 * Subnet's IPv6 router announces itself with another. A guest with the latter would be everybody's router.
 */
export function findReservedUse(mac: string, networkUid: string, subnetUids: readonly string[]): string | undefined {
  if (mac === metadataMac(networkUid)) return "the metadata service's"
  return subnetUids.some((uid) => mac === announcerMac(uid)) ? "the network's IPv6 router's" : undefined
}
