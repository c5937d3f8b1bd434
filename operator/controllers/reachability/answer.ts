// SPDX-License-Identifier: Apache-2.0
// The answer to a request that has got there: what it is, and whether it has come back. Connection tracking turns back what it translated, which
// a trace does not know: where the request was translated, the answer is asked about as it is after that. Pure.
import type { Port } from '../../../lib/api/types.ts'
import type { Caches } from '../../kind/row.ts'
import type { LogicalPacket, LogicalTrace, TraceStep } from '../../network/logical-trace.ts'
import { familyOf } from '../../network/ovn/addresses.ts'
import { gatewayMac } from '../../network/own-macs.ts'
import { networkKeyOf } from '../../kind/network-key.ts'
import type { Finding } from './finding.ts'
import { findMac, nextHop, STRANGER_MAC } from './neighbours.ts'
import type { Question } from './question.ts'

export type AnswerPacket = { packet: LogicalPacket; finding?: undefined } | { packet?: undefined; finding: Finding }
type Translation = Extract<TraceStep, { what: 'translated' }>

/** @returns undefined where there is nothing to ask: a service of the node, or of a router, answers */
export function answerTo(
  question: Question,
  request: LogicalPacket,
  trace: LogicalTrace,
  caches: Caches,
): AnswerPacket | undefined {
  const common = {
    ...{ protocol: request.protocol, isAnswer: true },
    ...{ sourcePort: request.destinationPort, destinationPort: request.sourcePort },
  }
  const { end } = trace
  if (end.what === 'left')
    return { packet: { ...common, ...fromOutside(question, request, trace, end.networkUid, caches) } }
  if (end.what !== 'delivered') return undefined
  const { destination } = question
  const uid = destination.what === 'port' ? destination.port.metadata.uid : end.portUids[0]
  const port = caches.ports.findByUid(uid ?? '')
  if (!port) return undefined
  const answerer = endOf(
    port,
    familyOf(request.source),
    lastTranslation(trace, 'destination') ?? request.destination,
    caches,
  )
  if (!answerer) return undefined
  // As the answerer sees who asked.
  const asker = lastTranslation(trace, 'source') ?? request.source
  const hop = nextHop(answerer, asker, caches)
  if (hop.finding) return { finding: hop.finding }
  return {
    packet: {
      ...common,
      ...{ from: { portUid: port.metadata.uid }, sourceMac: answerer.mac, destinationMac: hop.mac },
      ...{ source: answerer.address, destination: asker },
    },
  }
}

/** Whether the answer has come back to who asked. */
export function isBack({ end, steps }: LogicalTrace, { source }: Question, request: LogicalTrace): boolean {
  const translators = request.steps.flatMap((step) =>
    step.what === 'translated' && step.end === 'source' ? [step.routerUid] : [],
  )
  // The router that gave the request another sender knows whom the answer is for.
  if (
    request.end.what === 'delivered' &&
    steps.some((step) => step.what === 'routed' && translators.includes(step.routerUid))
  )
    return true
  if (source.what === 'outside') return end.what === 'left' && end.networkUid === source.network.metadata.uid
  return end.what === 'delivered' && end.portUids.includes(source.port.metadata.uid)
}

/** From outside: to the sender itself, as after the translation back. */
function fromOutside(
  { source }: Question,
  request: LogicalPacket,
  { steps }: LogicalTrace,
  networkUid: string,
  caches: Caches,
): Pick<LogicalPacket, 'from' | 'sourceMac' | 'destinationMac' | 'source' | 'destination'> {
  const network = caches.networks.findByUid(networkUid)
  const translated = steps.findLast((step): step is Translation => step.what === 'translated' && step.end === 'source')
  const router = steps.findLast((step) => step.what === 'routed')
  const byAddress = translated && network && findMac(network, translated.address, caches)
  const byRouter = router && gatewayMac(router.routerUid)
  return {
    from: { networkUid },
    sourceMac: STRANGER_MAC,
    destinationMac: byAddress ?? byRouter ?? (source.what === 'port' ? source.mac : STRANGER_MAC),
    source: request.destination,
    destination: request.source,
  }
}

function lastTranslation({ steps }: LogicalTrace, end: Translation['end']): string | undefined {
  return steps.findLast((step): step is Translation => step.what === 'translated' && step.end === end)?.address
}

/** The Port by the address that was asked for, or else its first of the family: a balancer's member has another. */
function endOf(port: Port, family: 'IPv4' | 'IPv6', address: string, caches: Caches) {
  const network = caches.networks.findByKey(networkKeyOf(port))
  const fixedIPs = (port.status?.fixedIPs ?? []).filter(({ ipAddress }) => familyOf(ipAddress) === family)
  const one = fixedIPs.find(({ ipAddress }) => ipAddress === address) ?? fixedIPs[0]
  const subnet = network && one && caches.subnets.find(network.metadata.namespace, one.subnet)
  const mac = port.status?.macAddress
  return network && subnet && one && mac !== undefined ? { network, subnet, address: one.ipAddress, mac } : undefined
}
