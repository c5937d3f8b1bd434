// SPDX-License-Identifier: Apache-2.0
// The boundary to what polices packets on a node. Plain data in and out.

export interface PacketRate {
  packetsPerSecond: number
  /** How many may pass at once after a pause. */
  burstPackets: number
}

/** A port that the switch has, and what may pass it; a direction that is absent is not limited. */
export interface RatedPort {
  /** Of the Port. */
  uid: string
  /** Number of its interface in the integration bridge. */
  ofport: number
  /** Of a subport: its tag on that interface. */
  vlan?: number
  /** What its guest sends. */
  egress?: PacketRate
  /** What its guest gets. */
  ingress?: PacketRate
}

export interface PacketRateDriver {
  /**
   * The switch limits these ports and no others. Writes nothing where that is so. What OVN has not made flows of yet is left out, and is there when
   * this is called again. @throws TransientError `SwitchNotReady`
   */
  ensure(ports: readonly RatedPort[], signal: AbortSignal): Promise<void>
}
