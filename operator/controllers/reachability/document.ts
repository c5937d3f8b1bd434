// SPDX-License-Identifier: Apache-2.0
// Which packet a node sends for a question, the sender's own or the one at which it comes in from outside, or why none. Pure.
import { createHash } from 'node:crypto'
import type { Port, Reachability } from '../../../lib/api/types.ts'
import type { ProbeDocument, ProbeSpec } from '../../../lib/contract/documents.ts'
import type { Caches } from '../../kind/row.ts'
import type { NetworkDriver } from '../../network/network-driver.ts'
import { headerOf, type WriterVersions } from '../../placed/document-header.ts'
import { named, say } from './finding.ts'
import { firstPacket } from './follow.ts'
import { nodeOfMac } from './node-of-mac.ts'
import { isOffSwitch } from '../port/off-switch.ts'
import { findOff } from './off-machines.ts'
import type { Question } from './question.ts'

export type ProbePlan = { node: string; spec: ProbeSpec; unsent?: undefined } | { unsent: string }

export interface PlanDeps {
  caches: Caches
  network: Pick<NetworkDriver, 'gatewayNodeOf'>
}

export function planProbe(question: Question, reachability: Reachability, deps: PlanDeps): ProbePlan {
  const { source } = question
  const off = source.what === 'port' ? findOff(source) : undefined
  if (off) return { unsent: off.message }
  if (source.what === 'port' && isOffSwitch(source.port)) return { unsent: unswitched(source.port) }
  const first = firstPacket(question, deps.caches)
  if (first.finding) return { unsent: first.finding.message }
  const { packet } = first
  if (packet.protocol === 'sctp') return { unsent: 'with protocol sctp none is sent' }
  const node =
    source.what === 'port' ? source.port.status?.node : nodeOfMac(source.network, packet.destinationMac, deps)
  if (node === undefined) return { unsent: unplaced(source) }
  return {
    node,
    spec: {
      ...senderOf(source),
      ...{ sourceMac: packet.sourceMac, destinationMac: packet.destinationMac },
      ...{ source: packet.source, destination: packet.destination, protocol: packet.protocol },
      sourcePort: probePort(reachability),
      ...(packet.protocol === 'icmp' ? {} : { destinationPort: packet.destinationPort }),
    },
  }
}

function senderOf(source: Question['source']): Pick<ProbeSpec, 'portUid' | 'outside'> {
  if (source.what === 'port') return { portUid: source.port.metadata.uid }
  const { metadata, status } = source.network
  const vlan = status?.segmentationID
  return { outside: { networkUid: metadata.uid, ...(vlan === undefined || vlan === 0 ? {} : { vlan }) } }
}

function unswitched(port: Port): string {
  return `${say(named('Port', port))} goes past the switch (vnicType ${port.spec.vnicType}), by which it would be sent`
}

function unplaced(source: Question['source']): string {
  if (source.what === 'port') return `${say(named('Port', source.port))} is on no node that could send it`
  return `at no node of the cloud does it come in from ${say(named('Network', source.network))}: nobody of ours has that address, or the Router has no gateway node`
}

/** For the node of `status`, under its epoch. */
export function probeDocument(
  reachability: Reachability,
  { node, spec }: { node: string; spec: ProbeSpec },
  writer: WriterVersions,
): ProbeDocument {
  const header = headerOf(reachability, node, reachability.status?.epoch ?? 0, writer)
  return { ...header, kind: 'probe', tombstone: false, spec }
}

const [LOWEST, HIGHEST] = [61_000, 65_535]

/**
 * The port, or identifier of the echo request, that it is sent from. Unless the question names one it is always the same for one question, and
 * above those that Linux gives its connections (ip_local_port_range): none of the guest's is met.
 */
export function probePort({ metadata, spec }: Reachability): number {
  const number = createHash('sha256').update(metadata.uid).digest().readUInt32BE(0)
  return spec.sourcePort ?? LOWEST + (number % (HIGHEST - LOWEST + 1))
}
