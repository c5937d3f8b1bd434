// SPDX-License-Identifier: Apache-2.0
// What is sent to the bridge for packet rates, byte by byte as ovs-ofctl(8) writes it; what it does is in agents/network/packet-rates.integration.test.ts.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { PacketRate, RatedPort } from '../../packet-rate-driver.ts'
import { flowAddition } from './flow-tables.ts'
import { TYPE } from './message-types.ts'
import { metered, readMeteredFlows, type MeteredFlow } from './metered-flows.ts'
import { meterChange, meterRemoval, metersRequest, readMeters, type Meter } from './meters.ts'
import { COOKIE, COOKIE_MASK, planRates, rateFlows } from './packet-rate-flows.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')
const UNMARKED = '00011d08 00000000 80000000'
const MARK = '0019 0010 00011d08 80000000 80000000'
const again = (table: string) => `ffff 0010 00002320 000e fff8 ${table} 000000`
const TO = '00011e04 00000003 80000408 0000000000000001'
const OUTPUT = '0000 0010 00000007 ffff 000000000000'
const TAG_100 = '0019 0010 80000c02 1064 000000000000'
const rate = { packetsPerSecond: 1_000, burstPackets: 500 }
const port: RatedPort = { uid: 'a', ofport: 7, egress: rate, ingress: rate }
const towards = [
  { table: 65, priority: 60_100, fields: hex(TO), actions: hex(OUTPUT) },
  { table: 65, priority: 100, fields: hex(TO.replace('00000003', '00000009')), actions: hex(`${TAG_100} ${OUTPUT}`) },
  { table: 65, priority: 100, fields: hex(TO), actions: hex(OUTPUT) },
]

describe('the flows of a port', () => {
  test('stand before those of OVN, and send what passes to the same table again, with a mark by which they are not met twice', () => {
    const [sent, got] = rateFlows(port, towards)
    expect(sent).toMatchObject({ table: 0, priority: 50_000, hardTimeoutSeconds: 0, rate })
    expect(sent?.fields.toString('hex')).toBe(hex(`80000004 00000007 80000c02 0000 ${UNMARKED}`).toString('hex'))
    expect(sent?.actions.toString('hex')).toBe(hex(`${MARK} ${again('00')}`).toString('hex'))
    expect(got).toMatchObject({ table: 65, priority: 50_000, rate })
    expect(got?.fields.toString('hex')).toBe(hex(`${TO} ${UNMARKED}`).toString('hex'))
    expect(got?.actions.toString('hex')).toBe(hex(`${MARK} ${again('41')}`).toString('hex'))
  })
  test('of a subport are those with its tag', () => {
    const [sent, got] = rateFlows({ ...port, vlan: 100 }, towards)
    expect(sent?.fields.toString('hex')).toBe(hex(`80000004 00000007 80000c02 1064 ${UNMARKED}`).toString('hex'))
    expect(got?.fields.toString('hex')).toContain('0000000980000408')
  })
  test('to which OVN sends nothing yet are the one of what it sends', () => {
    expect(rateFlows(port, [])).toHaveLength(1)
    expect(rateFlows({ ...port, vlan: 7 }, towards)).toHaveLength(1)
  })
  test('are known by the Port’s UID, each direction by itself, in each run', () => {
    const cookies = [port, { ...port, uid: 'b' }, port].map((one) =>
      rateFlows(one, towards).map(({ cookie }) => cookie),
    )
    expect(cookies[0]).toEqual(cookies[2])
    expect(new Set(cookies.flat()).size).toBe(4)
    for (const cookie of cookies.flat()) expect(cookie & COOKIE_MASK).toBe(COOKIE)
  })
})

describe('a flow with a meter', () => {
  const inner = `${MARK} ${again('00')}`
  const clone = (number: string) => `ffff 0038 00002320 002a 000000000000 001d 0008 ${number} ${inner}`
  const entry = (actions: string) =>
    `0078 0000 41 00 c350 0000 0000 0000 0000 6e72000000000001 0001 000c 80000004 00000007 00000000
     0000 000c 80020408 00000001 00000000 0004 0040 00000000 ${actions}`.replaceAll('\n', '')
  test('has all that it does in a clone, after the meter: packets of others are none the worse', () => {
    const [flow] = rateFlows(port, [])
    const message = flowAddition({ ...flow!, actions: metered(0x8001, flow!.actions) }).toString('hex')
    expect(message).toContain(hex(`0004 0040 00000000 ${clone('00008001')}`).toString('hex'))
  })
  test('is read as it was written, behind what the bridge has counted', () => {
    const flow = { table: 65, priority: 50_000, cookie: 0x6e72000000000001n, fields: hex('80000004 00000007') }
    const read = (actions: string) =>
      readMeteredFlows({ type: TYPE.multipartReply, body: hex(`0001 0001 00000000 ${entry(actions)}`) })
    expect(read(clone('00008001'))).toEqual({
      entries: [{ ...flow, actions: hex(inner), meter: 0x8001 }],
      isLast: false,
    })
    const other = clone('00008001').replace('002a', '002b')
    expect(read(other)).toEqual({ entries: [{ ...flow, actions: hex(other) }], isLast: false })
    expect(readMeteredFlows({ type: TYPE.multipartReply, body: hex('000a 0000 00000000') })).toBeUndefined()
  })
  test('has each register by itself, which the bridge tells in pairs', () => {
    const match = '0001 0018 80010f10 0000000000000002 80000000ffffffff'
    const pair = entry(clone('00008001')).replace('0078', '0080').replace('0001 000c 80000004 00000007 00000000', match)
    const body = hex(`0001 0000 00000000 ${pair}`)
    const [flow] = readMeteredFlows({ type: TYPE.multipartReply, body })?.entries ?? []
    expect(flow).toMatchObject({ fields: hex(`${UNMARKED} 00011e04 00000002`), meter: 0x8001 })
  })
  test('any bytes are read or not', () => {
    const some = fc.oneof(
      fc.uint8Array({ maxLength: 120 }).map((bytes) => Buffer.from(bytes)),
      fc.tuple(fc.nat(119), fc.nat(255)).map(([at, byte]) => {
        const bytes = hex(entry(clone('00008001')))
        bytes.writeUInt8(byte, at)
        return bytes
      }),
    )
    fc.assert(
      fc.property(some, (bytes) => {
        const body = Buffer.concat([hex('0001 0000 00000000'), bytes])
        expect(readMeteredFlows({ type: TYPE.multipartReply, body })?.isLast).toBe(true)
      }),
    )
  })
})

describe('meters', () => {
  test('count packets, with a burst', () => {
    const band = '0001 0010 000003e8 000001f4 00000000'
    expect(meterChange('add', 0x8000, rate).toString('hex')).toBe(hex(`0000 0006 00008000 ${band}`).toString('hex'))
    expect(meterChange('modify', 0x8000, rate).toString('hex')).toBe(hex(`0001 0006 00008000 ${band}`).toString('hex'))
    expect(meterRemoval(0x8000).toString('hex')).toBe(hex('0002 0006 00008000').toString('hex'))
  })
  test('are listed, those of others too', () => {
    expect(metersRequest().toString('hex')).toBe(hex('000a 0000 00000000 ffffffff 00000000').toString('hex'))
    const ours = '0018 0006 00008000 0001 0010 000003e8 000001f4 00000000'
    const kilobits = '0018 0005 00000001 0001 0010 000003e8 000001f4 00000000'
    const body = hex(`000a 0001 00000000 ${ours} ${kilobits}`)
    expect(readMeters({ type: TYPE.multipartReply, body })).toEqual({
      entries: [
        { number: 0x8000, rate },
        { number: 1, rate: undefined },
      ],
      isLast: false,
    })
    expect(readMeters({ type: TYPE.multipartReply, body: hex('0001 0000 00000000') })).toBeUndefined()
  })
  test('any bytes are read or not', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const body = Buffer.concat([hex('000a 0000 00000000'), bytes])
        expect(readMeters({ type: TYPE.multipartReply, body })?.isLast).toBe(true)
      }),
    )
  })
})

/** As a bridge does it. */
class Bridge {
  flows: MeteredFlow[] = []
  meters: Meter[] = []

  apply({ removedFlows, removedMeters, meters, addedFlows }: ReturnType<typeof planRates>): number {
    this.flows = this.flows.filter(({ cookie }) => !removedFlows.includes(cookie))
    for (const number of removedMeters) {
      this.meters = this.meters.filter((meter) => meter.number !== number)
      this.flows = this.flows.filter(({ meter }) => meter !== number)
    }
    for (const { command, number, rate } of meters) {
      expect(this.meters.some((meter) => meter.number === number)).toBe(command === 'modify')
      this.meters = [...this.meters.filter((meter) => meter.number !== number), { number, rate }]
    }
    for (const flow of addedFlows) {
      expect(this.meters.some(({ number }) => number === flow.meter)).toBe(true)
      this.flows.push(flow)
    }
    return removedFlows.length + removedMeters.length + meters.length + addedFlows.length
  }
}

const someRate: fc.Arbitrary<PacketRate> = fc.record({
  packetsPerSecond: fc.constantFrom(1_000, 2_000),
  burstPackets: fc.constant(100),
})
const direction = fc.option(someRate, { nil: undefined })
const somePort = fc
  .record({
    uid: fc.constantFrom('a', 'b', 'c', 'd'),
    ofport: fc.integer({ min: 1, max: 9 }),
    out: direction,
    in: direction,
  })
  .map(({ uid, ofport, out, in: got }): RatedPort => ({
    ...{ uid, ofport },
    ...(out ? { egress: out } : {}),
    ...(got ? { ingress: got } : {}),
  }))
const somePorts = fc.uniqueArray(somePort, { selector: ({ uid }) => uid, maxLength: 4 })
/** What another hand, or a crash in the middle, leaves: this one of the flows or meters is gone, or there once more. */
const hand = fc.record({ what: fc.constantFrom('flow', 'meter', 'meterAlone', 'copy', 'none'), at: fc.nat(9) })

test('whatever was there, one plan leads to what is wanted, a second is empty, and OVN’s meters stay', () => {
  const wantedOf = (ports: readonly RatedPort[]) =>
    ports.flatMap((one) => rateFlows(one, [{ table: 65, priority: 100, fields: hex(TO), actions: hex(OUTPUT) }]))
  fc.assert(
    fc.property(fc.array(fc.tuple(somePorts, hand), { minLength: 1, maxLength: 5 }), (history) => {
      const bridge = new Bridge()
      const ofOvn: Meter[] = [{ number: 1, rate: undefined }]
      bridge.meters = [...ofOvn]
      for (const [ports, { what, at }] of history) {
        const wanted = wantedOf(ports)
        bridge.apply(planRates(wanted, bridge))
        expect(bridge.apply(planRates(wanted, bridge))).toBe(0)
        const line = ({ cookie, fields }: { cookie: bigint; fields: Buffer }, rate: PacketRate | undefined) =>
          `${cookie} ${fields.toString('hex')} ${rate?.packetsPerSecond} ${rate?.burstPackets}`
        const passes = bridge.flows.map((flow) =>
          line(flow, bridge.meters.find(({ number }) => number === flow.meter)?.rate),
        )
        expect(passes.sort()).toEqual(wanted.map((flow) => line(flow, flow.rate)).sort())
        expect(new Set(bridge.flows.map(({ meter }) => meter)).size).toBe(bridge.flows.length)
        expect(bridge.meters.filter(({ number }) => number < 0x8000)).toEqual(ofOvn)
        expect(bridge.meters).toHaveLength(bridge.flows.length + 1)
        const flow = bridge.flows[at % Math.max(1, bridge.flows.length)]
        if (!flow) continue
        if (what === 'flow' || what === 'meter') bridge.flows = bridge.flows.filter((one) => one !== flow)
        if (what === 'meter') bridge.meters = bridge.meters.filter(({ number }) => number !== flow.meter)
        if (what === 'copy') bridge.flows.push({ ...flow, table: 9 })
        if (what === 'meterAlone') bridge.meters.push({ number: 0x9000, rate: undefined })
      }
    }),
    { numRuns: 300 },
  )
})
