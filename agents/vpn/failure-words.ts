// SPDX-License-Identifier: Apache-2.0
// Why a tunnel does not come up, from what charon writes about it, in words for people.
export interface TunnelFailure {
  reason: string
  message: string
}

const FAILURES: readonly [pattern: RegExp, reason: string, message: (peer: string) => string][] = [
  [
    /AUTHENTICATION_FAILED notify error|MAC mismatched|constraint check failed|no shared key found/,
    'AuthenticationFailed',
    (peer) =>
      `peer ${peer} and we do not accept each other's proof: the pre-shared key, peerID or localID differs on the two sides`,
  ],
  [
    /giving up after \d+ retransmits|establishing IKE_SA failed, peer not responding|deleting half open IKE_SA/,
    'PeerNotAnswering',
    (peer) => `peer ${peer} does not answer: it is off, not reached (UDP ports 500 and 4500), or does not know us`,
  ],
  [
    /no acceptable (\w+ )*found|NO_PROPOSAL_CHOSEN|INVALID_KE_PAYLOAD|no matching proposal|received proposals unacceptable/,
    'NoProposalChosen',
    (peer) =>
      `peer ${peer} and we have no algorithms in common, or it does not know our address: set ikePolicy and ipsecPolicy to what it has`,
  ],
  [
    /TS_UNACCEPT|traffic selectors .*inacceptable|traffic selectors .*unacceptable/,
    'RangesNotAccepted',
    (peer) =>
      `peer ${peer} does not accept the ranges: peerCIDRs and localCIDRs have to be its own, the other way round`,
  ],
]

/** Undefined: the line is of something else. */
export function failureOf(line: string, peer: string): TunnelFailure | undefined {
  const found = FAILURES.find(([pattern]) => pattern.test(line))
  return found && { reason: found[1], message: found[2](peer) }
}

export function notYet(peer: string, initiates: boolean): TunnelFailure {
  return initiates
    ? { reason: 'Connecting', message: `asking peer ${peer}` }
    : { reason: 'WaitingForPeer', message: `waiting for peer ${peer} to begin (initiator: response-only)` }
}

export function endedByPeer(peer: string): TunnelFailure {
  return { reason: 'ClosedByPeer', message: `peer ${peer} has ended the tunnel` }
}
