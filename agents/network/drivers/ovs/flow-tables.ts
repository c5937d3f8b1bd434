// SPDX-License-Identifier: Apache-2.0
// As much of OpenFlow 1.3 (ONF TS-006; ovs-fields(7), ovs-actions(7)) as finds flows, adds and removes some, and sends and receives packets. Pure:
// bodies of messages, after the header. Meters are in meters.ts, flows with one in metered-flows.ts.
import type { Injected } from './openflow.ts'
import { TYPE } from './message-types.ts'
import { readPart, type Part } from './multipart.ts'
import { NO_BUFFER, type OpenFlowMessage } from './openflow-connection.ts'

const [MULTIPART_FLOW, APPLY_ACTIONS, OXM, OUTPUT] = [1, 4, 1, 0]
const [ADD, DELETE] = [0, 3]
const [ANY, ALL_TABLES, NO_LIMIT, EXPERIMENTER_ACTION] = [0xffffffff, 0xff, 0xffff, 0xffff]
const TABLES = 0xfffffff9
const NICIRA = 0x2320
const [SET_CONTROLLER_ID, CONTROLLER] = [20, 20]
const BY_ACTION = 1

export interface Flow {
  table: number
  priority: number
  /** Its match: OXM fields, one after the other. */
  fields: Buffer
  /** What it does at once: OpenFlow actions, one after the other. */
  actions: Buffer
}

export interface HeldFlow extends Flow {
  cookie: bigint
}

export interface WantedFlow extends HeldFlow {
  /** It goes by itself after so many seconds; 0: never. */
  hardTimeoutSeconds: number
}

/** Bodies of messages by which a connection is sent packets, without which none is; and only those of actions that name its number. */
export function receivePackets(controllerId: number): { setConfig: Buffer; experimenter: Buffer } {
  const setConfig = Buffer.alloc(4)
  setConfig.writeUInt16BE(NO_LIMIT, 2)
  const experimenter = Buffer.alloc(16)
  experimenter.writeUInt32BE(NICIRA, 0)
  experimenter.writeUInt32BE(SET_CONTROLLER_ID, 4)
  experimenter.writeUInt16BE(controllerId, 14)
  return { setConfig, experimenter }
}

/** The action that sends a packet to the connections with this number (NXAST_CONTROLLER). */
export function toController(controllerId: number): Buffer {
  const action = Buffer.alloc(16)
  action.writeUInt16BE(EXPERIMENTER_ACTION, 0)
  action.writeUInt16BE(action.length, 2)
  action.writeUInt32BE(NICIRA, 4)
  action.writeUInt16BE(CONTROLLER, 8)
  action.writeUInt16BE(NO_LIMIT, 10)
  action.writeUInt16BE(controllerId, 12)
  action.writeUInt8(BY_ACTION, 14)
  return action
}

/** One OXM field of the basic class, with no mask. */
export function field(number: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x80, 0x00, number << 1, value.length]), value])
}

/** Asks for the flows, of any table, that send packets to the port. */
export function flowsToRequest(ofport: number): Buffer {
  return flowsRequest({ outPort: ofport, cookie: 0n, mask: 0n })
}

/** Asks for the flows, of any table, whose cookie is this one where the mask has ones. */
export function flowsOfRequest(cookie: bigint, mask: bigint): Buffer {
  return flowsRequest({ outPort: ANY, cookie, mask })
}

function flowsRequest({ outPort, cookie, mask }: { outPort: number; cookie: bigint; mask: bigint }): Buffer {
  const body = Buffer.alloc(40)
  body.writeUInt16BE(MULTIPART_FLOW, 0)
  body.writeUInt8(ALL_TABLES, 8)
  body.writeUInt32BE(outPort, 12)
  body.writeUInt32BE(ANY, 16)
  body.writeBigUInt64BE(cookie, 24)
  body.writeBigUInt64BE(mask, 32)
  return Buffer.concat([body, matchOf(Buffer.alloc(0))])
}

/** One part of the answer to either. Undefined: it is another message. */
export function readFlows(message: OpenFlowMessage): Part<HeldFlow> | undefined {
  return readPart(message, MULTIPART_FLOW, 56, readFlow)
}

function readFlow(entry: Buffer): HeldFlow {
  const matchLength = entry.readUInt16BE(50)
  const instructions = entry.subarray(48 + padded(matchLength))
  return {
    ...{ table: entry.readUInt8(2), priority: entry.readUInt16BE(12), cookie: entry.readBigUInt64BE(24) },
    fields: Buffer.from(entry.subarray(52, 48 + matchLength)),
    actions: Buffer.from(applied(instructions)),
  }
}

/** The actions that are applied at once. */
export function applied(instructions: Buffer): Buffer {
  for (let rest = instructions; rest.length >= 8;) {
    const length = rest.readUInt16BE(2)
    if (length < 8) break
    if (rest.readUInt16BE(0) === APPLY_ACTIONS) return rest.subarray(8, length)
    rest = rest.subarray(length)
  }
  return Buffer.alloc(0)
}

export function flowAddition(flow: WantedFlow): Buffer {
  const apply = Buffer.alloc(8)
  apply.writeUInt16BE(APPLY_ACTIONS, 0)
  apply.writeUInt16BE(apply.length + flow.actions.length, 2)
  return Buffer.concat([flowMod(ADD, flow), matchOf(flow.fields), apply, flow.actions])
}

/** Of all flows that have the cookie. */
export function flowRemoval(cookie: bigint): Buffer {
  const flow = { cookie, table: ALL_TABLES, priority: 0, hardTimeoutSeconds: 0 }
  return Buffer.concat([flowMod(DELETE, flow), matchOf(Buffer.alloc(0))])
}

function flowMod(command: number, flow: Pick<WantedFlow, 'cookie' | 'table' | 'priority' | 'hardTimeoutSeconds'>) {
  const body = Buffer.alloc(40)
  body.writeBigUInt64BE(flow.cookie, 0)
  body.writeBigUInt64BE(command === DELETE ? 2n ** 64n - 1n : 0n, 8)
  body.writeUInt8(flow.table, 16)
  body.writeUInt8(command, 17)
  body.writeUInt16BE(flow.hardTimeoutSeconds, 20)
  body.writeUInt16BE(flow.priority, 22)
  body.writeUInt32BE(NO_BUFFER, 24)
  body.writeUInt32BE(ANY, 28)
  body.writeUInt32BE(ANY, 32)
  return body
}

/** Sends the frame through the tables as one that came by the port. */
export function packetOut({ inPort, frame }: Injected): Buffer {
  const body = Buffer.alloc(32)
  body.writeUInt32BE(NO_BUFFER, 0)
  body.writeUInt32BE(inPort, 4)
  body.writeUInt16BE(16, 8)
  body.writeUInt16BE(OUTPUT, 16)
  body.writeUInt16BE(16, 18)
  body.writeUInt32BE(TABLES, 20)
  return Buffer.concat([body, frame])
}

/** Undefined: it is another message, or not of the flows with this cookie. */
export function readPacketIn({ type, body }: OpenFlowMessage, cookie: bigint): Buffer | undefined {
  if (type !== TYPE.packetIn || body.length < 24 || body.readBigUInt64BE(8) !== cookie) return undefined
  const frame = body.subarray(16 + padded(body.readUInt16BE(18)) + 2)
  return Buffer.from(frame)
}

/** A match, filled up to a multiple of eight bytes. */
function matchOf(fields: Buffer): Buffer {
  const match = Buffer.alloc(padded(4 + fields.length))
  match.writeUInt16BE(OXM, 0)
  match.writeUInt16BE(4 + fields.length, 2)
  fields.copy(match, 4)
  return match
}

export function padded(bytes: number): number {
  return Math.ceil(bytes / 8) * 8
}
