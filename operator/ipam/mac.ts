// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto'
import { announcerMac, metadataMac } from '../../lib/contract/metadata-port.ts'

export const DEFAULT_MAC_PREFIX = 'fa:16:3e'

/**
 * A locally made MAC address: the prefix's three bytes and three of a hash of the seed. The same seed gives the same address, so a
 * second attempt at one port finds the first one's; on a collision ask with the next attempt number.
 * @param seed the owner's UID and NIC number
 */
export function generateMac(prefix: string, seed: string, attempt = 0): string {
  const digest = createHash('sha256').update(`${seed}#${attempt}`).digest()
  const tail = [digest[0], digest[1], digest[2]].map((byte) => (byte ?? 0).toString(16).padStart(2, '0'))
  return [prefix.toLowerCase(), ...tail].join(':')
}

/** How many addresses a seed has. */
const ATTEMPTS = 64

/** The first of the seed's addresses that no other port of the network has. */
export function chooseMac(prefix: string, seed: string, isTaken: (mac: string) => boolean): string | undefined {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const mac = generateMac(prefix, seed, attempt)
    if (!isTaken(mac)) return mac
  }
  return undefined
}

/** Is it one of the seed's addresses, under whichever prefix the cloud had? */
export function isMacOf(mac: string, seed: string): boolean {
  const prefix = mac.slice(0, DEFAULT_MAC_PREFIX.length)
  return chooseMac(prefix, seed, (other) => other !== mac) !== undefined
}

/**
 * Whose a MAC address is that no guest of the network may have, for people: the metadata service answers under one on every node, and
 * each Subnet's router announces itself under another. Whoever had the latter would be the router of all.
 */
export function findReservedUse(mac: string, networkUid: string, subnetUids: readonly string[]): string | undefined {
  if (mac === metadataMac(networkUid)) return "the metadata service's"
  return subnetUids.some((uid) => mac === announcerMac(uid)) ? "the network's IPv6 router's" : undefined
}
