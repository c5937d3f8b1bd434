// SPDX-License-Identifier: Apache-2.0
// Asks the backend about the request and about its answer.
import type { Reachability } from '../../../lib/api/types.ts'
import type { Caches } from '../../kind/row.ts'
import type { LogicalPacket, LogicalTrace } from '../../network/logical-trace.ts'
import type { NetworkDriver } from '../../network/network-driver.ts'
import { answerTo, isBack } from './answer.ts'
import { named, type Finding, type Hop, type Named } from './finding.ts'
import { entranceOf } from './from-outside.ts'
import { hopsOf, sent } from './hops.ts'
import { nextHop, STRANGER_MAC } from './neighbours.ts'
import { findOff } from './off-machines.ts'
import type { Question } from './question.ts'
import { Sight } from './sight.ts'
import { ELSEWHERE, findingOf, strayFinding } from './stops.ts'

type Status = NonNullable<Reachability['status']>
export type Answer = Pick<
  Status,
  'reachable' | 'stoppedBy' | 'sourceAddress' | 'destinationAddress' | 'requestPath' | 'answerPath'
>

interface FollowDeps {
  caches: Caches
  network: Pick<NetworkDriver, 'trace'>
}

/** @throws TransientError where the backend cannot be asked */
export async function follow(question: Question, deps: FollowDeps, signal: AbortSignal): Promise<Answer> {
  const { caches, network } = deps
  const sight = new Sight(question.namespace, caches)
  const { source, destination } = question
  const sender = source.what === 'port' ? named('Port', source.port) : named('Network', source.network)
  const first = firstPacket(question, caches)
  const addresses = {
    sourceAddress: source.address,
    destinationAddress: first.packet?.destination ?? destination.address,
  }
  const stopped = (direction: 'request' | 'answer', finding: Finding, requestPath: Hop[], answerPath?: Hop[]) => ({
    ...{ ...addresses, reachable: false, requestPath, ...(answerPath ? { answerPath } : {}) },
    stoppedBy: stoppedBy(direction, finding),
  })

  const off = source.what === 'port' ? findOff(source) : undefined
  if (off) return stopped('request', off, sent(sender))
  if (first.finding) return stopped('request', first.finding, sent(sender))
  const there = await network.trace(first.packet, signal)
  const requestPath = hopsOf(sender, there, sight, caches)
  const halted = haltOf(there, first.packet, question, sight, caches)
  if (halted) return stopped('request', halted, requestPath)

  const answer = answerTo(question, first.packet, there, caches)
  if (!answer) return { ...addresses, reachable: true, requestPath }
  const from = answererOf(there, sight)
  // Its Subnet and Router are the answerer's business.
  if (answer.finding) return stopped('answer', from ? answer.finding : ELSEWHERE, requestPath, sent(from))
  const back = await network.trace(answer.packet, signal)
  const answerPath = hopsOf(from, back, sight, caches)
  if (isBack(back, question, there)) return { ...addresses, reachable: true, requestPath, answerPath }
  const finding =
    back.end.what === 'stopped'
      ? findingOf(back.end.stop, asTranslated(answer.packet, back), sight, caches)
      : strayFinding(back.end.what === 'delivered' ? back.end.portUids : [], answer.packet, sight)
  return stopped('answer', finding, requestPath, answerPath)
}

type First = { packet: LogicalPacket; finding?: undefined } | { packet?: undefined; finding: Finding }

/** What the sender sends, and to which next hop; or why it cannot. Pure. */
export function firstPacket(question: Question, caches: Caches): First {
  const { source, destination, protocol, port, sourcePort } = question
  const common = { protocol, sourcePort, isAnswer: false, source: source.address }
  if (source.what === 'outside') {
    const entrance = entranceOf(question, source.network, caches)
    if (entrance.finding) return { finding: entrance.finding }
    const from = { networkUid: source.network.metadata.uid }
    const to = { destination: entrance.address, destinationPort: entrance.port, destinationMac: entrance.mac }
    return { packet: { ...common, ...to, from, sourceMac: STRANGER_MAC } }
  }
  const hop = nextHop(source, destination.address, caches)
  if (hop.finding) return { finding: hop.finding }
  const from = { portUid: source.port.metadata.uid }
  const to = { destination: destination.address, destinationPort: port, destinationMac: hop.mac }
  return { packet: { ...common, ...to, from, sourceMac: source.mac } }
}

/** Why the request does not get to where it is to go. */
function haltOf(
  trace: LogicalTrace,
  packet: LogicalPacket,
  { destination }: Question,
  sight: Sight,
  caches: Caches,
): Finding | undefined {
  const { end } = trace
  if (end.what === 'stopped') return findingOf(end.stop, asTranslated(packet, trace), sight, caches)
  const arrivedAt = end.what === 'delivered' ? end.portUids : []
  if (destination.what === 'port' && !arrivedAt.includes(destination.port.metadata.uid))
    return strayFinding(arrivedAt, packet, sight)
  const uid = destination.what === 'port' ? destination.port.metadata.uid : arrivedAt[0]
  const port = uid !== undefined && sight.of('ports', uid) ? caches.ports.findByUid(uid) : undefined
  return port && findOff({ port, instance: caches.instances.findByUid(port.status?.instance?.uid ?? '') })
}

/** As what stops it sees it: rules are about the addresses that it has there. */
function asTranslated(packet: LogicalPacket, { steps }: LogicalTrace): LogicalPacket {
  const changes = steps.flatMap((step) => (step.what === 'translated' ? [[step.end, step.address]] : []))
  return { ...packet, ...(Object.fromEntries(changes) as Partial<LogicalPacket>) }
}

/** Who answers, as far as it may be told. */
function answererOf({ end }: LogicalTrace, sight: Sight): Named | undefined {
  if (end.what === 'delivered') return sight.of('ports', end.portUids[0])
  return end.what === 'left' ? sight.of('networks', end.networkUid) : undefined
}

function stoppedBy(
  direction: 'request' | 'answer',
  { reason, message, of }: Finding,
): NonNullable<Status['stoppedBy']> {
  return { direction, ...of, reason, message: message.slice(0, 1024) }
}
