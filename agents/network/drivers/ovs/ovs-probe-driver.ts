// SPDX-License-Identifier: Apache-2.0
import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { localnetPortName } from '../../../../lib/contract/gateway-rows.ts'
import { TransientError } from '../../../../lib/errors.ts'
import { readOne } from '../../../../lib/ovsdb/values.ts'
import { readAnswer, type SeenAnswer } from '../../probe/probe-answer.ts'
import type { ProbeDriver, ProbeFinding, ProbeRequest } from '../../probe/probe-driver.ts'
import { requestFrame, resetFrame } from '../../probe/probe-frames.ts'
import { localnetEndOf } from './announcement.ts'
import { answerFlows } from './answer-flows.ts'
import {
  flowAddition,
  flowRemoval,
  flowsToRequest,
  packetOut,
  readPacketIn,
  receivePackets,
  readFlows,
} from './flow-tables.ts'
import { TYPE } from './message-types.ts'
import { listAll } from './multipart.ts'
import { openOpenFlow, type OpenFlowConnection } from './openflow-connection.ts'
import { INTEGRATION_BRIDGE, toPluggedPort } from './plug-plan.ts'
import type { SwitchView } from './switch-database.ts'

/** The first packet to a next hop may be lost to the search for its MAC address. In milliseconds from the one before. */
const GAPS_MS = [1000, 1000, 2000]
const SWITCH_TIMEOUT_MS = 5000
const CLEAN_TIMEOUT_MS = 1000
/** Tells our actions from those that send to ovn-controller, whose number is 0. */
const CONTROLLER_ID = 0x6e70
/** `neph`, and the probe's own number. */
const COOKIE = 0x6e657068n << 32n

/**
 * Probes by Open vSwitch's OpenFlow socket: a packet is handed to the bridge as one that came by the port, so that it meets every flow that the
 * guest's own would, and the answer is shown by flows of our own, before those that OVN has in the last table. Nothing is run, and the same
 * holds for taps and vhost-user ports.
 */
export class OvsProbeDriver implements ProbeDriver {
  readonly #switch: SwitchView
  readonly #socket: string

  /** @param switchDir of the switch's sockets */
  constructor(view: SwitchView, switchDir: string) {
    this.#switch = view
    this.#socket = join(switchDir, `${INTEGRATION_BRIDGE}.mgmt`)
  }

  async send(request: ProbeRequest, onSending: () => Promise<void>, signal: AbortSignal): Promise<ProbeFinding> {
    const inPort = ofportOf(request.by, this.#switch)
    const soon = AbortSignal.any([signal, AbortSignal.timeout(SWITCH_TIMEOUT_MS)])
    const connection = await openOpenFlow(this.#socket, 4, soon)
    const cookie = COOKIE | BigInt(randomInt(2 ** 32))
    try {
      const { setConfig, experimenter } = receivePackets(CONTROLLER_ID)
      connection.send(TYPE.setConfig, setConfig)
      connection.send(TYPE.experimenter, experimenter)
      const towards = await listAll(connection, flowsToRequest(inPort), soon, readFlows)
      if (towards.length === 0) throw notPlugged()
      const ours = { cookie, controllerId: CONTROLLER_ID, isOfGuest: 'portUid' in request.by }
      for (const flow of answerFlows(towards, request, ours)) connection.send(TYPE.flowMod, flowAddition(flow))
      await connection.barrier(soon)
      await onSending()
      return await this.#exchange(connection, { request, inPort, cookie }, signal)
    } finally {
      connection.send(TYPE.flowMod, flowRemoval(cookie))
      // If that cannot be said, they go by their time.
      await connection.barrier(AbortSignal.timeout(CLEAN_TIMEOUT_MS)).catch(() => undefined)
      connection.close()
    }
  }

  async #exchange(
    connection: OpenFlowConnection,
    { request, inPort, cookie }: { request: ProbeRequest; inPort: number; cookie: bigint },
    signal: AbortSignal,
  ): Promise<ProbeFinding> {
    const sequence = randomInt(2 ** 32)
    for (const gapMs of GAPS_MS) {
      const sentAtMs = performance.now()
      connection.send(TYPE.packetOut, packetOut({ inPort, frame: requestFrame(request, sequence) }))
      const seen = await nextAnswer(connection, request, { cookie, signal, gapMs })
      if (!seen) continue
      const roundTripMicroseconds = Math.round((performance.now() - sentAtMs) * 1000)
      if (seen.expects !== undefined)
        connection.send(TYPE.packetOut, packetOut({ inPort, frame: resetFrame(request, seen.expects) }))
      return { ...seen.finding, roundTripMicroseconds }
    }
    return { result: 'Silent' }
  }
}

/** Undefined: none came in time. */
async function nextAnswer(
  connection: OpenFlowConnection,
  request: ProbeRequest,
  { cookie, signal, gapMs }: { cookie: bigint; signal: AbortSignal; gapMs: number },
): Promise<SeenAnswer | undefined> {
  const gap = AbortSignal.timeout(gapMs)
  const accept = (message: Parameters<typeof readPacketIn>[0]) => {
    const frame = readPacketIn(message, cookie)
    return frame && readAnswer(frame, request)
  }
  return connection.next(accept, AbortSignal.any([signal, gap])).catch((error: unknown) => {
    signal.throwIfAborted()
    if (gap.aborted && error === gap.reason) return undefined
    throw error
  })
}

function ofportOf(by: ProbeRequest['by'], view: SwitchView): number {
  if ('networkUid' in by) {
    const end = localnetEndOf(localnetPortName(by.networkUid), view, (bridge) => bridge === INTEGRATION_BRIDGE)
    if (end) return end.inPort
    throw new TransientError('NodeNotConnected', 'the node has no way to the network outside')
  }
  for (const row of view.rows('Interface').values()) {
    const port = toPluggedPort(row)
    if (port?.kind !== 'port' || port.uid !== by.portUid || !port.installed || port.controlled) continue
    const ofport = readOne(row['ofport'])
    if (typeof ofport === 'number') return ofport
  }
  throw notPlugged()
}

function notPlugged(): TransientError {
  return new TransientError('PortNotPlugged', 'the node’s switch does not forward to the Port yet')
}
