// SPDX-License-Identifier: Apache-2.0
// Flows that meter what they do, on a copy of the packet: `clone(meter:…,…)`. OVN delivers what is for several ports in one list of actions, and a meter
// in that list that drops the packet takes it from all that come after. A meter is an action of OpenFlow 1.5 alone (ONF TS-025); its flows are listed in
// a form of their own. Pure: bodies of messages, after the header.
import { applied, padded, type HeldFlow } from './flow-tables.ts'
import { readPart, type Part } from './multipart.ts'
import type { OpenFlowMessage } from './openflow-connection.ts'

export interface MeteredFlow extends HeldFlow {
  /** Number of the meter that the copy passes before `actions`; undefined: the flow is no such flow. */
  meter?: number
}

const MULTIPART_FLOW_DESCRIPTION = 1
const DESCRIPTION_BYTES = 24
const PACKET_REGISTERS = 0x8001
const [NONE, WHOLE] = [Buffer.alloc(4), Buffer.alloc(4, 0xff)]
/** NXAST_CLONE, without the actions in it. */
const CLONE = Buffer.from('ffff000000002320002a000000000000', 'hex')
/** `meter:0` */
const METER = Buffer.from('001d000800000000', 'hex')

/** `clone(meter:number,actions)`: whatever the actions do to the packet and its fields, those after the clone see nothing of it. */
export function metered(number: number, actions: Buffer): Buffer {
  const action = Buffer.concat([CLONE, METER, actions])
  action.writeUInt16BE(action.length, 2)
  action.writeUInt32BE(number, CLONE.length + 4)
  return action
}

/** Undefined: they are others than `metered` makes. */
function readMetered(actions: Buffer): { meter: number; actions: Buffer } | undefined {
  const bytes = CLONE.length + METER.length
  if (actions.length < bytes || actions.readUInt16BE(2) !== actions.length) return undefined
  const meter = actions.readUInt32BE(CLONE.length + 4)
  const inner = actions.subarray(bytes)
  return metered(meter, inner).equals(actions) ? { meter, actions: Buffer.from(inner) } : undefined
}

/** As `readFlows` of flow-tables.ts, in OpenFlow 1.5. Undefined: it is another message. */
export function readMeteredFlows(message: OpenFlowMessage): Part<MeteredFlow> | undefined {
  return readPart(message, MULTIPART_FLOW_DESCRIPTION, DESCRIPTION_BYTES + 8, readFlow)
}

function readFlow(entry: Buffer): MeteredFlow {
  const matchLength = entry.readUInt16BE(DESCRIPTION_BYTES + 2)
  // What it counted comes between match and instructions.
  const counted = entry.subarray(DESCRIPTION_BYTES + padded(matchLength))
  const instructions = counted.length < 4 ? counted : counted.subarray(padded(counted.readUInt16BE(2)))
  const actions = Buffer.from(applied(instructions))
  return {
    ...{ table: entry.readUInt8(4), priority: entry.readUInt16BE(6), cookie: entry.readBigUInt64BE(16) },
    fields: withSingleRegisters(entry.subarray(DESCRIPTION_BYTES + 4, DESCRIPTION_BYTES + matchLength)),
    ...(readMetered(actions) ?? { actions }),
  }
}

/** OpenFlow 1.5 has registers in pairs (OXM_OF_PKT_REG7 is reg14 and reg15), where one may be ours and the other OVN's: as NXM_NX_REG14 and so on. */
function withSingleRegisters(fields: Buffer): Buffer {
  const single: Buffer[] = []
  for (let rest = fields; rest.length >= 4;) {
    const [kind, hasMask, bytes] = [rest.readUInt8(2) >> 1, (rest.readUInt8(2) & 1) === 1, rest.readUInt8(3)]
    const value = rest.subarray(4, 4 + bytes)
    if (rest.readUInt16BE(0) === PACKET_REGISTERS && value.length === (hasMask ? 16 : 8))
      for (const half of [0, 1]) {
        const mask = hasMask ? value.subarray(8 + 4 * half, 12 + 4 * half) : WHOLE
        single.push(register(2 * kind + half, value.subarray(4 * half, 4 * half + 4), mask))
      }
    else single.push(rest.subarray(0, 4 + bytes))
    rest = rest.subarray(4 + bytes)
  }
  return Buffer.concat(single)
}

function register(number: number, value: Buffer, mask: Buffer): Buffer {
  if (mask.equals(NONE)) return Buffer.alloc(0)
  const isWhole = mask.equals(WHOLE)
  const header = Buffer.from([0, 1, ((number << 1) | (isWhole ? 0 : 1)) & 0xff, isWhole ? 4 : 8])
  return Buffer.concat([header, value, ...(isWhole ? [] : [mask])])
}
