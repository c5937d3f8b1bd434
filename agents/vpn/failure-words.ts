// SPDX-License-Identifier: Apache-2.0
// Why a tunnel does not come up, from what charon writes about it, in words for people.
import type { VpnConnection } from '../../lib/contract/vpn.ts'

export interface TunnelFailure {
  reason: string
  message: string
}

type Peer = Pick<VpnConnection, 'peerAddress' | 'certificate'>

const FAILURES: readonly [pattern: RegExp, reason: string, message: (peer: Peer) => string][] = [
  [
    /no trusted \w+ (public key|certificate) found|no issuer certificate found|(subject|issuer) certificate invalid|no trusted certificate found|peer not authenticated by CA/,
    'PeerCertificateRefused',
    ({ peerAddress }) =>
      `the certificate of peer ${peerAddress} is not accepted: it has to be of an authority in ca.crt, to be valid now, and to have peerID as its subject or alternative name`,
  ],
  [
    /AUTHENTICATION_FAILED notify error|MAC mismatched|constraint check failed|no shared key found|no private key found|no issuer .*constraint/,
    'AuthenticationFailed',
    ({ peerAddress, certificate }) =>
      certificate === undefined
        ? `peer ${peerAddress} and we do not accept each other's proof: the pre-shared key, peerID or localID differs on the two sides`
        : `peer ${peerAddress} and we do not accept each other's proof: it does not trust the authority of our certificate, or peerID or localID differs on the two sides`,
  ],
  [
    /giving up after \d+ retransmits|establishing IKE_SA failed, peer not responding|deleting half open IKE_SA/,
    'PeerNotAnswering',
    ({ peerAddress }) =>
      `peer ${peerAddress} does not answer: it is off, not reached (UDP ports 500 and 4500), or does not know us`,
  ],
  [
    /no acceptable (\w+ )*found|NO_PROPOSAL_CHOSEN|INVALID_KE_PAYLOAD|no matching proposal|received proposals unacceptable/,
    'NoProposalChosen',
    ({ peerAddress }) =>
      `peer ${peerAddress} and we have no algorithms in common, or it does not know our address: set ikePolicy and ipsecPolicy to what it has`,
  ],
  [
    /TS_UNACCEPT|traffic selectors .*inacceptable|traffic selectors .*unacceptable/,
    'RangesNotAccepted',
    ({ peerAddress }) =>
      `peer ${peerAddress} does not accept the ranges: peerCIDRs and localCIDRs have to be its own, the other way round`,
  ],
]

/** Undefined: the line is of something else. */
export function failureOf(line: string, peer: Peer): TunnelFailure | undefined {
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

/** @param why charon's own words, which have nothing of a key */
export function notTaken({ certificate }: Peer, why: string): TunnelFailure {
  const what = certificate === undefined ? 'this connection' : 'the certificates of this connection'
  return {
    reason: 'NotTakenByNode',
    message: `the IKE daemon on the node does not take ${what} (${why.slice(0, 200)}); what it had before stays in use${certificate === undefined ? '' : ': write others to the Secret, without what few programs know'}`,
  }
}
