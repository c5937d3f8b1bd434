// SPDX-License-Identifier: Apache-2.0
// The detailed output of ovn-trace(8), by lines, without friendly names. Pure.

/** What the packet met, in order. */
export type TraceEvent =
  /** It goes through a pipeline of one datapath; `outport` in an egress pipeline alone. */
  | { event: 'pipeline'; pipeline: 'ingress' | 'egress'; inport: string; outport: string | undefined }
  /** A logical flow. `match` is undefined where none matched, which drops it. */
  | { event: 'flow'; stage: string; match: string | undefined; priority: number }
  | { event: 'action'; text: string }
  /** Its source or destination, or both ports too, become others: `ct_dnat(ip4.dst=10.0.0.5)`. */
  | { event: 'translation'; text: string }
  | { event: 'output'; port: string; type: string }
  /** OVN answers by a packet of its own, which ends this one unless more events follow: `reject`, `icmp4_error`, `arp`. */
  | { event: 'ownPacket'; text: string }

const PIPELINE = /^(ingress|egress)\(dp="[^"]*", inport="([^"]*)"(?:, outport="([^"]*)")?\)$/
const FLOW = /^(\d+)\. (\w+)(?: \([^)]*\))?: (.*), priority (\d+), uuid [0-9a-f]{8}$/
const NO_FLOW = /^(\d+)\. (?:(\w+): )?no match \(implicit drop\)$/
const OUTPUT = /^\/\* output to "([^"]*)", type "([^"]*)" \*\/$/
const TRANSLATION = /^ct_(?:lb|dnat|snat)\w*(?:[ (].*)?$/
/** Titles of what a packet of OVN's own making meets, such as a question for a MAC address or a refusal. */
const OWN_PACKET = /^(?:arp|nd_ns|nd_na|icmp4|icmp4_error|icmp6|icmp6_error|tcp_reset|sctp_abort|reject|clone)$/

/** @returns undefined for what is no trace, such as a complaint about the microflow */
export function parseTrace(output: string): TraceEvent[] | undefined {
  if (!output.startsWith('# ')) return undefined
  const events: TraceEvent[] = []
  /** Indentation of the part that is left out. */
  let skipped: number | undefined
  for (const line of output.split('\n').slice(1)) {
    const text = line.trim()
    if (text === '' || /^-+$/.test(text)) continue
    const indent = line.search(/\S/)
    // What follows at the same place is about OVN's own packet, too; the first one goes on further to the left, if at all.
    if (skipped !== undefined && indent >= skipped) continue
    skipped = OWN_PACKET.test(text) ? indent : undefined
    events.push(skipped === undefined ? eventOf(text) : { event: 'ownPacket', text })
  }
  return events
}

function eventOf(text: string): TraceEvent {
  const pipeline = PIPELINE.exec(text)
  if (pipeline) {
    const [, name, inport = '', outport] = pipeline
    return { event: 'pipeline', pipeline: name === 'egress' ? 'egress' : 'ingress', inport, outport }
  }
  const flow = FLOW.exec(text)
  if (flow) return { event: 'flow', stage: flow[2] ?? '', match: flow[3] ?? '', priority: Number(flow[4]) }
  const none = NO_FLOW.exec(text)
  if (none) return { event: 'flow', stage: none[2] ?? `table ${none[1]}`, match: undefined, priority: 0 }
  const output = OUTPUT.exec(text)
  if (output) return { event: 'output', port: output[1] ?? '', type: output[2] ?? '' }
  // An action ends with a semicolon, what it did with the packet does not.
  if (TRANSLATION.test(text) && !text.endsWith(';')) return { event: 'translation', text }
  return { event: 'action', text }
}
