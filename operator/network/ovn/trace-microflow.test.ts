// SPDX-License-Identifier: Apache-2.0
// No field of a packet gets anything into OVN's language, or an option into the argument vector, but what it is for.
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { LogicalPacket } from '../logical-trace.ts'
import { microflowOf } from './trace-microflow.ts'
import { traceArguments } from './ovn-trace.ts'

const packet = (more: Partial<LogicalPacket> = {}): LogicalPacket => ({
  ...{ from: { portUid: '33333333-0000-4000-8000-000000000001' }, isAnswer: false },
  ...{ sourceMac: '0a:00:00:00:00:01', destinationMac: '0a:00:00:00:00:02' },
  ...{ source: '10.0.1.11', destination: '10.0.1.12', protocol: 'tcp', sourcePort: 50_000, destinationPort: 80 },
  ...more,
})

test.each([
  [
    {},
    'ip4.src == 10.0.1.11 && ip4.dst == 10.0.1.12 && ip.ttl == 64 && tcp.src == 50000 && tcp.dst == 80 && tcp.flags == 2',
  ],
  [{ isAnswer: true }, '&& tcp.flags == 18'],
  [{ protocol: 'icmp' as const, sourcePort: 0, destinationPort: 0 }, '&& icmp4.type == 8 && icmp4.code == 0'],
  [
    { protocol: 'icmp' as const, isAnswer: true, source: 'fd00::1', destination: 'FD00:0::2' },
    'ip6.src == fd00::1 && ip6.dst == fd00::2 && ip.ttl == 64 && icmp6.type == 129 && icmp6.code == 0',
  ],
  [{ from: { networkUid: 'aaaa-1' } }, 'inport == "localnet-aaaa-1"'],
])('%j', (more, part) => {
  expect(microflowOf(packet(more))).toContain(part)
})

/** What a flow may look like: a row of comparisons of fields with plain values. */
const PLAIN = /^inport == "[a-z0-9-]+"( && [a-z0-9.]+ == [0-9a-f.:]+)+$/

const hostile = fc.oneof(
  fc.string(),
  fc.constantFrom(
    '10.0.0.1 || 1',
    '10.0.0.1"',
    '$nag_x_ip4',
    '::1%eth0',
    '--db=unix:/x',
    '0a:00:00:00:00:01 || 1',
    'a" || inport == "b',
  ),
)

test.each(['source', 'destination', 'sourceMac', 'destinationMac'] as const)('%s', (field) => {
  fc.assert(fc.property(hostile, (value) => isPlainOrRefused({ [field]: value })))
})

test('the port or network that it comes from', () => {
  fc.assert(fc.property(hostile, (uid) => isPlainOrRefused({ from: { portUid: uid } })))
  fc.assert(fc.property(hostile, (uid) => isPlainOrRefused({ from: { networkUid: uid } })))
})

test('its ports', () => {
  const value = fc.oneof(fc.integer(), fc.double(), hostile)
  fc.assert(fc.property(value, (port) => isPlainOrRefused({ destinationPort: port as number })))
  fc.assert(fc.property(value, (port) => isPlainOrRefused({ sourcePort: port as number })))
})

test('two families are refused', () => {
  expect(() => microflowOf(packet({ destination: 'fd00::1' }))).toThrow('two families')
})

test('the flow is the last argument, behind the end of the options', () => {
  const argv = traceArguments({ command: ['ovn-trace'], database: 'ssl:10.0.0.1:6643', memoryMiB: 512 }, packet())
  expect(argv.at(-2)).toBe('--')
  expect(argv.at(-1)).toBe(microflowOf(packet()))
  expect(argv.filter((word) => word.includes('10.0.1.11'))).toHaveLength(1)
})

function isPlainOrRefused(more: object): boolean {
  try {
    return PLAIN.test(microflowOf(packet(more)))
  } catch {
    return true
  }
}
