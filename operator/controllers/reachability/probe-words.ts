// SPDX-License-Identifier: Apache-2.0
// What came of a probe, beside the answer of the network. Pure.
import type { Reachability } from '../../../lib/api/types.ts'
import type { ProbeAnswer } from '../../../lib/contract/documents.ts'
import { probePort } from './document.ts'

type Status = NonNullable<Reachability['status']>
export type Probe = NonNullable<Status['probe']>
type Verdict = Pick<Status, 'reachable' | 'stoppedBy'>

const MOST_CHARACTERS = 1024

export function probeOf(answer: ProbeAnswer, node: string, reachability: Reachability): Probe {
  const { spec, status = {} } = reachability
  const { result, sentAt, roundTripMicroseconds, answeredBy } = answer
  return {
    ...{ result, node, sentAt, sourcePort: probePort(reachability) },
    ...(roundTripMicroseconds === undefined ? {} : { roundTripMicroseconds }),
    ...(answeredBy === undefined ? {} : { answeredBy }),
    message: `${whatCame(answer, status.destinationAddress ?? '')}${whatItMeans(answer, spec, status)}`.slice(
      0,
      MOST_CHARACTERS,
    ),
  }
}

export function unsentProbe(why: string, node?: string): Probe {
  const message = `no probe: ${why}`.slice(0, MOST_CHARACTERS)
  return { result: 'Unknown', ...(node === undefined ? {} : { node }), message }
}

function whatCame({ result, answeredBy, detail, roundTripMicroseconds = 0 }: ProbeAnswer, asked: string): string {
  const who = answeredBy ?? asked
  const after = `after ${(roundTripMicroseconds / 1000).toFixed(1)} ms`
  switch (result) {
    case 'Answered':
      return `${who} answered with ${detail ?? 'a packet'} ${after}`
    case 'Refused':
      return `${who} refused with ${detail ?? 'a packet'} ${after}`
    case 'Unreachable':
      return `${who} said ${after} that nothing is there (${detail ?? 'ICMP'})`
    case 'Silent':
      return 'nothing came back'
    case 'Unknown':
      return `whether anything came back is not known: ${detail ?? 'the node does not say'}`
  }
}

function whatItMeans(
  { result }: ProbeAnswer,
  { protocol, port }: Reachability['spec'],
  { reachable, stoppedBy }: Verdict,
): string {
  if (result === 'Unknown') return ''
  const isHeard = result === 'Answered' || result === 'Refused'
  if (reachable !== true && isHeard)
    return `, although ${stoppedBy?.reason ?? 'the answer'} should stop it: a rule that has just changed, or another way than the one that is shown`
  if (reachable !== true) return ', as was to be expected'
  const at = port === undefined ? '' : ` at ${protocol} port ${port}`
  switch (result) {
    case 'Answered':
      return ''
    case 'Refused':
      return `: the network lets it pass, but nothing listens${at}, or a firewall inside the machine refuses it`
    case 'Unreachable':
      return ': what the network knows lets it pass; look behind that router, or at the machine’s own configuration'
    case 'Silent':
      return protocol === 'udp'
        ? `, although the network lets it pass: many services do not answer an empty datagram${at}; otherwise a firewall inside the machine drops it`
        : `, although the network lets it pass: a firewall inside the machine drops it, the machine hangs or has not configured the address, or it is lost beyond what the network knows`
  }
}
