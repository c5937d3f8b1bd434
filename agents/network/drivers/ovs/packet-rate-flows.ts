// SPDX-License-Identifier: Apache-2.0
// Pure: packet rates as flows of our own on OVN's bridge, each with a meter (decision 91). They stand before OVN's flow of the port, and send what the
// meter lets pass to the same table again, marked, so that OVN's own flow is met there. Whatever OVN has in its flows stays OVN's.
import { createHash } from 'node:crypto'
import type { PacketRate, RatedPort } from '../../packet-rate-driver.ts'
import type { Flow, WantedFlow } from './flow-tables.ts'
import type { MeteredFlow } from './metered-flows.ts'
import type { Meter } from './meters.ts'

/** All of our flows have it in their highest 16 bits: `nr`. */
export const COOKIE = 0x6e72n << 48n
export const COOKIE_MASK = 0xffffn << 48n
/** Above whatever OVN has, and below the flows of probes (answer-flows.ts). */
const PRIORITY = 50_000
/** OVN's table in which packets come in by interfaces: ovn-architecture(7). */
const FROM_INTERFACES = 0
/** OVN counts its own from 1 on. */
const FIRST_METER = 0x8000
const LAST_METER = 0xff00
/**
 * reg14 is OVN's logical inport, of 16 bits, and is 0 where packets come in, where OVN writes the whole of it. Its highest bit is the mark:
 * `reg14=0/0x80000000`.
 */
const UNMARKED = Buffer.from('00011d080000000080000000', 'hex')
/** `set_field:0x80000000/0x80000000->reg14` */
const MARK = Buffer.from('0019001000011d088000000080000000', 'hex')
const [IN_PORT, VLAN_VID, SET_FIELD] = [Buffer.from('80000004', 'hex'), Buffer.from('80000c02', 'hex'), 25]
const TAGGED = 0x1000
/** `vlan_tci=0/0x1000` */
const WITHOUT_TAG = Buffer.from('80000c020000', 'hex')

/** What it does is done by a copy of the packet that has passed a meter of that rate. */
type WantedRate = WantedFlow & { rate: PacketRate }

/** `resubmit(,table)` */
function again(table: number): Buffer {
  const action = Buffer.from('ffff001000002320000efff800000000', 'hex')
  action.writeUInt8(table, 12)
  return action
}

/** The same in each run of the agent, so that it knows its own. */
function cookieOf(uid: string, direction: 'egress' | 'ingress'): bigint {
  const hash = createHash('sha256').update(uid).digest().readBigUInt64BE() & ((1n << 47n) - 1n)
  return COOKIE | (hash << 1n) | (direction === 'egress' ? 0n : 1n)
}

/** @param towards the flows that send packets to the port's interface, of whatever tag */
export function rateFlows({ uid, ofport, vlan, egress, ingress }: RatedPort, towards: readonly Flow[]): WantedRate[] {
  const flow = (table: number, fields: Buffer) => ({
    ...{ table, priority: PRIORITY, hardTimeoutSeconds: 0, actions: Buffer.concat([MARK, again(table)]) },
    fields: Buffer.concat([fields, UNMARKED]),
  })
  const inPort = Buffer.alloc(4)
  inPort.writeUInt32BE(ofport)
  const tag = Buffer.alloc(2)
  tag.writeUInt16BE(TAGGED | (vlan ?? 0))
  const from = Buffer.concat([IN_PORT, inPort, vlan === undefined ? WITHOUT_TAG : Buffer.concat([VLAN_VID, tag])])
  // OVN's last table is the one of its flows: what probes have before it is theirs.
  const to = towards.find(({ priority, actions }) => priority < PRIORITY && tagIn(actions) === vlan)
  return [
    ...(egress ? [{ ...flow(FROM_INTERFACES, from), cookie: cookieOf(uid, 'egress'), rate: egress }] : []),
    ...(ingress && to ? [{ ...flow(to.table, to.fields), cookie: cookieOf(uid, 'ingress'), rate: ingress }] : []),
  ]
}

/** The VLAN tag that the actions give a packet. */
function tagIn(actions: Buffer): number | undefined {
  for (let rest = actions; rest.length >= 8;) {
    const length = rest.readUInt16BE(2)
    if (length < 8 || length > rest.length) break
    if (rest.readUInt16BE(0) === SET_FIELD && rest.subarray(4, 8).equals(VLAN_VID)) return rest.readUInt16BE(8) & 0xfff
    rest = rest.subarray(length)
  }
  return undefined
}

/** In this order. */
interface RateChanges {
  removedFlows: bigint[]
  removedMeters: number[]
  meters: { command: 'add' | 'modify'; number: number; rate: PacketRate }[]
  addedFlows: (WantedFlow & { meter: number })[]
}

/**
 * From what the bridge has to what it is to have. A meter keeps its number as long as its flow is wanted, so that another rate interrupts nothing.
 * @param held flows with our cookie, and all meters
 */
export function planRates(
  wanted: readonly WantedRate[],
  held: { flows: readonly MeteredFlow[]; meters: readonly Meter[] },
): RateChanges {
  const ours = held.meters.filter(({ number }) => number >= FIRST_METER && number <= LAST_METER)
  const meterOf = new Map<bigint, number>()
  for (const { cookie, meter } of held.flows) {
    const isTaken = meter === undefined || [...meterOf.values()].includes(meter)
    if (!isTaken && !meterOf.has(cookie) && ours.some(({ number }) => number === meter)) meterOf.set(cookie, meter)
  }
  const used = new Set(wanted.flatMap(({ cookie }) => meterOf.get(cookie) ?? []))
  const changes: RateChanges = {
    ...{ removedFlows: [], meters: [], addedFlows: [] },
    removedMeters: ours.flatMap(({ number }) => (used.has(number) ? [] : [number])),
  }
  const known = new Set(wanted.map(({ cookie }) => cookie))
  for (const cookie of new Set(held.flows.map((flow) => flow.cookie)))
    if (!known.has(cookie)) changes.removedFlows.push(cookie)
  for (const { rate, ...flow } of wanted) {
    const number = meterOf.get(flow.cookie) ?? freeMeter(used)
    if (number === undefined) continue
    used.add(number)
    const present = ours.find((meter) => meter.number === number && meterOf.get(flow.cookie) === number)
    if (!present) changes.meters.push({ command: 'add', number, rate })
    else if (!isSameRate(present.rate, rate)) changes.meters.push({ command: 'modify', number, rate })
    const same = held.flows.filter(({ cookie }) => cookie === flow.cookie)
    const [only] = same
    if (same.length === 1 && only && only.meter === number && isSameFlow(only, flow)) continue
    if (same.length > 0) changes.removedFlows.push(flow.cookie)
    changes.addedFlows.push({ ...flow, meter: number })
  }
  return changes
}

function freeMeter(used: ReadonlySet<number>): number | undefined {
  for (let number = FIRST_METER; number <= LAST_METER; number++) if (!used.has(number)) return number
  return undefined
}

function isSameRate(a: PacketRate | undefined, b: PacketRate): boolean {
  return a?.packetsPerSecond === b.packetsPerSecond && a.burstPackets === b.burstPackets
}

/** The bridge orders the fields of a match as it likes. */
function isSameFlow(a: Flow, b: Flow): boolean {
  const isSame = a.table === b.table && a.priority === b.priority && a.actions.equals(b.actions)
  return isSame && fieldsOf(a.fields).join() === fieldsOf(b.fields).join()
}

function fieldsOf(match: Buffer): string[] {
  const fields: string[] = []
  for (let rest = match; rest.length >= 4;) {
    const length = 4 + rest.readUInt8(3)
    fields.push(rest.subarray(0, length).toString('hex'))
    rest = rest.subarray(length)
  }
  return fields.sort()
}
