// SPDX-License-Identifier: Apache-2.0
/** Geneve over IPv4 with OVN's option: 20 IP + 8 UDP + 8 geneve + 8 option + 14 inner Ethernet. */
const GENEVE_OVERHEAD_BYTES = 58

/** The largest MTU that fits the tunnels; larger packets with DF are dropped silently. */
export function guestMtu(underlayMtu: number, requested?: number): number {
  const most = underlayMtu - GENEVE_OVERHEAD_BYTES
  return requested === undefined ? most : Math.min(requested, most)
}
