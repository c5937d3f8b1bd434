// SPDX-License-Identifier: Apache-2.0
import type { ProbeAnswer, ProbeSpec } from '../../../lib/contract/probe.ts'

/** A probe, and how it comes to the switch. */
export interface ProbeRequest extends Pick<
  ProbeSpec,
  'sourceMac' | 'destinationMac' | 'source' | 'destination' | 'protocol' | 'sourcePort' | 'destinationPort'
> {
  /** The Port whose device it comes by (its own, or for a subport that of its parent), or the external Network from outside of which it comes. */
  by: { portUid: string } | { networkUid: string }
  /** Its tag there. */
  vlan?: number
}

export type ProbeFinding = Omit<ProbeAnswer, 'sentAt'>

/** Sends packets as if guests had. */
export interface ProbeDriver {
  /**
   * Resolves with what came back, or with `Silent`. The guest sees nothing of it, but for answers to an echo request and ICMP errors; nor does who
   * has that address outside, but for the errors.
   * @param onSending awaited right before the first packet; where it throws, none is sent
   * @throws TransientError PortNotPlugged while the switch has no such port, or does not forward to it yet; NodeNotConnected without that network
   */
  send(request: ProbeRequest, onSending: () => Promise<void>, signal: AbortSignal): Promise<ProbeFinding>
}
