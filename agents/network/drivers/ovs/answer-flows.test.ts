// SPDX-License-Identifier: Apache-2.0
// What is sent to the bridge, byte by byte as ovs-ofctl(8) writes it; what it does is in agents/network/probe.integration.test.ts.
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { ProbePacket } from '../../probe/probe-frames.ts'
import { answerFlows } from './answer-flows.ts'
import { flowAddition, flowRemoval, flowsToRequest, readFlows, readPacketIn, toController } from './flow-tables.ts'
import { TYPE } from './message-types.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')
const packet: ProbePacket = {
  ...{ sourceMac: 'fa:16:3e:00:00:01', destinationMac: 'fa:16:3e:00:00:02', source: '10.0.0.1' },
  ...{ destination: '10.0.0.2', protocol: 'tcp', sourcePort: 0xee48, destinationPort: 80 },
}
/** reg15=5: a field of Nicira's class. */
const REG15 = '00011e04 00000005'
const OUTPUT = '0000 0010 00000007 ffff 000000000000'
const COPY = 'ffff 0010 00002320 0014 ffff 6e70 01 00'
const entry =
  '0058 41 00 00000001 00000000 0064 0000 0000 0000 00000000 0000000000000001 0000000000000000 0000000000000000' +
  `0001 000c ${REG15} 00000000 0004 0018 00000000 ${OUTPUT}`
const reply = (more: number, ...entries: string[]) => ({
  type: TYPE.multipartReply,
  body: hex(`0001 000${more} 00000000 ${entries.join('')}`),
})
const flow = { table: 65, priority: 100, cookie: 1n, fields: hex(REG15), actions: hex(OUTPUT) }
const ours = { cookie: 1n, controllerId: 0x6e70, isOfGuest: true }

test('the flows that lead to a port are asked for, and read', () => {
  expect(flowsToRequest(7).toString('hex')).toBe(
    hex(`0001 0000 00000000 ff 000000 00000007 ffffffff 00000000 ${'0'.repeat(32)} 0001 0004 00000000`).toString('hex'),
  )
  expect(readFlows(reply(0, entry, entry))).toEqual({ entries: [flow, flow], isLast: true })
  expect(readFlows(reply(1))).toEqual({ entries: [], isLast: false })
  expect(readFlows({ type: TYPE.packetIn, body: Buffer.alloc(80) })).toBeUndefined()
})

test('answers of TCP come to us alone, errors also where they went before; both before what is there', () => {
  const [answer, error, ...more] = answerFlows([flow], packet, ours)
  expect(more).toEqual([])
  expect(answer).toMatchObject({ table: 65, priority: 60_100, cookie: 1n, hardTimeoutSeconds: 10, actions: hex(COPY) })
  const to = '80000a02 0800 80001401 06 80001804 0a000001 80001604 0a000002'
  expect(answer?.fields).toEqual(hex(`${REG15} ${to} 80001a02 0050 80001c02 ee48`))
  expect(error?.actions).toEqual(hex(COPY + OUTPUT))
  expect(error?.fields).toEqual(hex(`${REG15} 80000a02 0800 80001401 01 80001804 0a000001 80002601 03`))
})

test('an echo reply may be the guest’s own', () => {
  const six: ProbePacket = { ...packet, source: 'fd00::1', destination: 'fd00::2', protocol: 'icmp' }
  const [answer, error] = answerFlows([flow], six, ours)
  expect(answer?.actions).toEqual(hex(COPY + OUTPUT))
  const [outside] = answerFlows([flow], six, { ...ours, isOfGuest: false })
  expect(outside?.actions).toEqual(hex(COPY))
  expect(answer?.fields.toString('hex')).toContain(hex('80003a01 81').toString('hex'))
  expect(error?.fields.toString('hex')).toContain(hex('80003a01 01').toString('hex'))
})

test('a flow is added with its time and cookie, and all of a cookie are removed', () => {
  const added = flowAddition({ ...flow, cookie: 0x6e65706800000001n, hardTimeoutSeconds: 10 })
  expect(added.toString('hex')).toBe(
    hex(
      `6e65706800000001 0000000000000000 41 00 0000 000a 0064 ffffffff ffffffff ffffffff 0000 0000 0001 000c ${REG15} 00000000` +
        `0004 0018 00000000 ${OUTPUT}`,
    ).toString('hex'),
  )
  expect(flowRemoval(2n).toString('hex')).toBe(
    hex(
      '0000000000000002 ffffffffffffffff ff 03 0000 0000 0000 ffffffff ffffffff ffffffff 0000 0000 0001 0004 00000000',
    ).toString('hex'),
  )
  expect(toController(0x6e70)).toEqual(hex(COPY))
})

test('packets of other cookies, and other messages, are none of ours', () => {
  const body = hex('ffffffff 0002 01 41 0000000000000009 0001 000c 80000004 00000007 00000000 0000 aabb')
  expect(readPacketIn({ type: TYPE.packetIn, body }, 9n)).toEqual(hex('aabb'))
  expect(readPacketIn({ type: TYPE.packetIn, body }, 8n)).toBeUndefined()
  expect(readPacketIn({ type: TYPE.packetOut, body }, 9n)).toBeUndefined()
})

test('messages that are cut or changed do no harm', () => {
  fc.assert(
    fc.property(fc.nat(100), fc.nat(255), fc.nat(100), (at, value, length) => {
      const body = Buffer.from(reply(0, entry).body)
      if (at < body.length) body[at] = value
      for (const type of [TYPE.multipartReply, TYPE.packetIn]) {
        readFlows({ type, body: body.subarray(0, length) })
        readPacketIn({ type, body: body.subarray(0, length) }, 0n)
      }
    }),
  )
})
