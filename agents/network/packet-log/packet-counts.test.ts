// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { MAX_PACKET_LOG_BYTES, MOST_LOGGED, PacketLog } from '../../../lib/contract/packet-log.ts'
import type { LoggedPacket } from './log-line.ts'
import { PacketCounts } from './packet-counts.ts'

const packet = (change: Partial<LoggedPacket> = {}, flow: Partial<LoggedPacket['flow']> = {}): LoggedPacket => ({
  ...{ group: 'g1', rule: 'drop', verdict: 'dropped', direction: 'ingress', sourceMac: 'a', destinationMac: 'b' },
  ...change,
  flow: { protocol: 'tcp', source: '10.0.0.5', destination: '10.0.0.7', sourcePort: 1, destinationPort: 22, ...flow },
})

test('packets that differ in the port of the sender alone are one entry; then it is empty', () => {
  const counts = new PacketCounts()
  for (const sourcePort of [4, 5, 6]) counts.add(packet({}, { sourcePort }), 'p1')
  counts.add(packet({}, { destinationPort: 23 }), 'p1')
  counts.add(packet(), 'p2')
  expect(counts.take().map(({ port, count, flow }) => [port, count, flow?.sourcePort, flow?.destinationPort])).toEqual([
    ['p1', 3, 4, 22],
    ['p1', 1, 1, 23],
    ['p2', 1, 1, 22],
  ])
  expect(counts.take()).toEqual([])
})

test('a scan of all ports is eight entries and a sum, and takes no other group’s room', () => {
  const counts = new PacketCounts()
  for (let destinationPort = 1; destinationPort <= 60_000; destinationPort++)
    counts.add(packet({}, { destinationPort }), 'p1')
  counts.add(packet({ group: 'g2' }), 'p2')
  const entries = counts.take()
  expect(entries).toHaveLength(10)
  expect(entries.find(({ flow }) => flow === undefined)).toMatchObject({ group: 'g1', port: 'p1', count: 59_992 })
  expect(entries.at(-1)).toMatchObject({ group: 'g2', count: 1, flow: { destinationPort: 22 } })
})

test('whatever is sent, the message fits', () => {
  const counts = new PacketCounts()
  const longest = 'fd00:1111:2222:3333:4444:5555:6666:7777'
  for (let group = 0; group < 1_000; group++)
    for (let i = 0; i < 12; i++)
      counts.add(
        packet(
          { group: `5d7a2f3e-8a31-4c0e-9f0a-${String(group).padStart(12, '0')}`, rule: 127 },
          { source: longest, destination: longest, destinationPort: 60_000 + i, sourcePort: 65_535 },
        ),
        '5d7a2f3e-8a31-4c0e-9f0a-0c8d3f1b2a47',
      )
  const log = { v: 1, packets: counts.take() } as const
  expect(log.packets).toHaveLength(MOST_LOGGED)
  expect(PacketLog.safeParse(log).success).toBe(true)
  expect(Buffer.byteLength(JSON.stringify(log))).toBeLessThan(MAX_PACKET_LOG_BYTES)
})
