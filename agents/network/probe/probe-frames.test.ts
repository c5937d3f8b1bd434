// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { toAddress, toBytes } from './address-bytes.ts'
import { readAnswer } from './probe-answer.ts'
import { checksum, requestFrame, resetFrame, type ProbePacket } from './probe-frames.ts'

const packet = (more: Partial<ProbePacket> = {}): ProbePacket => ({
  ...{ sourceMac: 'fa:16:3e:00:00:01', destinationMac: 'fa:16:3e:00:00:02', source: '10.0.0.1' },
  ...{ destination: '10.0.0.2', protocol: 'tcp', sourcePort: 61_000, destinationPort: 80, ...more },
})
const v6 = { source: 'fd00::1', destination: 'fd00::2' }
/** As the other end would see itself. */
const back = (of: ProbePacket): ProbePacket => ({
  ...of,
  ...{ source: of.destination, destination: of.source },
  ...{ sourcePort: of.destinationPort ?? 0, destinationPort: of.sourcePort },
})
const ipAt = 14

describe('addresses', () => {
  test.each([
    ['10.0.0.255', '0a0000ff'],
    ['::', '0'.repeat(32)],
    ['fd00::1', `fd00${'0'.repeat(27)}1`],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['::ffff:10.0.0.1', `${'0'.repeat(20)}ffff0a000001`],
  ])('%s', (address, hex) => {
    expect(toBytes(address).toString('hex')).toBe(hex)
  })
  test('there and back', () => {
    for (const address of ['10.1.2.3', 'fd00::1', '2001:db8:0:1::5', '::1'])
      expect(toAddress(toBytes(address))).toBe(address)
    expect(() => toBytes('host')).toThrow(TypeError)
  })
})

describe('a request', () => {
  test.each(['tcp', 'udp', 'icmp'] as const)('%s has all checksums, in both families', (protocol) => {
    const four = requestFrame(packet({ protocol }), 7)
    expect(checksum(four.subarray(ipAt, ipAt + 20))).toBe(0)
    const addresses = four.subarray(ipAt + 12, ipAt + 20)
    const segment = four.subarray(ipAt + 20)
    const number = { tcp: 6, udp: 17, icmp: 1 }[protocol]
    const pseudo = protocol === 'icmp' ? [] : [addresses, Buffer.from([0, number, 0, segment.length])]
    expect(checksum(Buffer.concat([...pseudo, segment]))).toBe(0)
    const six = requestFrame(packet({ protocol, ...v6 }), 7)
    const long = six.subarray(ipAt + 40)
    const next = { tcp: 6, udp: 17, icmp: 58 }[protocol]
    const end = Buffer.from([0, 0, 0, long.length, 0, 0, 0, next])
    expect(checksum(Buffer.concat([six.subarray(ipAt + 8, ipAt + 40), end, long]))).toBe(0)
  })
  test('is a SYN from and to the machines, and of a subport has its tag', () => {
    const frame = requestFrame(packet(), 0x01020304)
    expect(frame.subarray(0, 14).toString('hex')).toBe('fa163e000002' + 'fa163e000001' + '0800')
    expect(frame.subarray(34, 48).toString('hex')).toBe('ee48' + '0050' + '01020304' + '00000000' + '6002')
    expect(
      requestFrame(packet({ vlan: 100 }), 0)
        .subarray(12, 18)
        .toString('hex'),
    ).toBe('8100' + '0064' + '0800')
  })
  test('a reset has no acknowledgement', () => {
    expect(resetFrame(packet(), 5).subarray(38, 48).toString('hex')).toBe('00000005' + '00000000' + '5004')
  })
})

/** An ICMP error of the router about the packet. */
function icmpError(about: ProbePacket, type: number, code: number, from = '10.0.0.254'): Buffer {
  const original = requestFrame(about, 1).subarray(ipAt)
  const six = about.source.includes(':')
  const carrier = requestFrame({ ...back(about), protocol: 'icmp', source: from, sourcePort: 1 }, 1)
  const header = carrier.subarray(0, ipAt + (six ? 40 : 20))
  return Buffer.concat([header, Buffer.from([type, code, 0, 0, 0, 0, 0, 0]), original.subarray(0, six ? 48 : 28)])
}
function withFlags(frame: Buffer, flags: number): Buffer {
  frame.writeUInt8(flags, 47)
  return frame
}
function echoReply(of: ProbePacket, identifier = of.sourcePort): Buffer {
  const frame = requestFrame({ ...back(of), sourcePort: identifier }, 1)
  const at = ipAt + (of.source.includes(':') ? 40 : 20)
  frame.writeUInt8(of.source.includes(':') ? 129 : 0, at)
  return frame
}
const icmp = packet({ protocol: 'icmp' })
const udp = packet({ protocol: 'udp' })

describe('an answer', () => {
  test.each<[string, ProbePacket, Buffer, object | undefined]>([
    [
      'SYN, ACK',
      packet(),
      withFlags(requestFrame(back(packet()), 1), 0x12),
      { result: 'Answered', answeredBy: '10.0.0.2' },
    ],
    ['a reset', packet(), withFlags(requestFrame(back(packet()), 1), 0x14), { result: 'Refused', detail: 'a reset' }],
    ['neither', packet(), withFlags(requestFrame(back(packet()), 1), 0x10), undefined],
    ['of another port', packet(), withFlags(requestFrame(back(packet({ sourcePort: 61_001 })), 1), 0x12), undefined],
    [
      'of another machine',
      packet(),
      withFlags(requestFrame(back(packet({ destination: '10.0.0.3' })), 1), 0x12),
      undefined,
    ],
    ['a datagram', udp, requestFrame(back(udp), 1), { result: 'Answered', detail: 'a datagram' }],
    ['an echo reply', icmp, echoReply(icmp), { result: 'Answered', detail: 'an echo reply' }],
    [
      'by IPv6',
      packet({ protocol: 'icmp', ...v6 }),
      echoReply(packet({ protocol: 'icmp', ...v6 })),
      { answeredBy: 'fd00::2' },
    ],
    ['another’s echo reply', icmp, echoReply(icmp, 9), undefined],
    ['port unreachable', udp, icmpError(udp, 3, 3), { result: 'Refused', detail: 'ICMP: port unreachable' }],
    ['host unreachable', packet(), icmpError(packet(), 3, 1), { result: 'Unreachable', answeredBy: '10.0.0.254' }],
    ['prohibited', icmp, icmpError(icmp, 3, 13), { result: 'Refused', detail: 'ICMP: prohibited' }],
    [
      'an unknown code',
      packet(),
      icmpError(packet(), 3, 99),
      { result: 'Unreachable', detail: 'ICMP: unreachable, code 99' },
    ],
    ['about another packet', packet(), icmpError(packet({ sourcePort: 5 }), 3, 3), undefined],
    ['time exceeded', packet(), icmpError(packet(), 11, 0), undefined],
    [
      'no port, IPv6',
      packet({ protocol: 'udp', ...v6 }),
      icmpError(packet({ protocol: 'udp', ...v6 }), 1, 4, 'fd00::fe'),
      { result: 'Refused', answeredBy: 'fd00::fe' },
    ],
  ])('%s', (_, of, frame, expected) => {
    const seen = readAnswer(frame, of)
    if (expected) expect(seen?.finding).toMatchObject(expected)
    else expect(seen).toBeUndefined()
  })

  test('the other end says which sequence number it expects', () => {
    const frame = withFlags(requestFrame(back(packet()), 1), 0x12)
    frame.writeUInt32BE(0xfffffffe, 42)
    expect(readAnswer(frame, packet())?.expects).toBe(0xfffffffe)
  })

  test('whatever else comes is none, and cut or changed frames do no harm', () => {
    const whole = [withFlags(requestFrame(back(packet()), 1), 0x12), icmpError(udp, 3, 3), echoReply(icmp)]
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => readAnswer(Buffer.from(bytes), packet()) === undefined),
    )
    fc.assert(
      fc.property(fc.constantFrom(...whole), fc.nat(120), fc.nat(255), fc.nat(120), (frame, at, value, length) => {
        const changed = Buffer.from(frame)
        if (at < changed.length) changed[at] = value
        for (const asked of [packet(), udp, icmp]) readAnswer(changed.subarray(0, length), asked)
      }),
    )
  })
})
