// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { Port, SecurityGroup } from '../../../lib/api/types.ts'
import type { LoggedPackets } from '../../../lib/contract/packet-log.ts'
import { createLogger } from '../../../lib/log.ts'
import type { RunEvent } from '../../../lib/loop/controller.ts'
import { FakeClock } from '../../../lib/time/fake-clock.ts'
import { memoryWorld, stored } from '../../testing/memory-deps.ts'
import { tellPackets } from './tell-packets.ts'

const flow = {
  ...{ protocol: 'tcp', source: '10.0.0.5', destination: '10.0.1.7' },
  ...{ sourcePort: 4444, destinationPort: 22 },
}
const packets = (change: Partial<LoggedPackets> = {}): LoggedPackets => ({
  ...{ group: 'uid-web', rule: 'drop', verdict: 'dropped', direction: 'ingress', port: 'uid-p', count: 14, flow },
  ...change,
})
const accepted = { rule: 3, verdict: 'accepted', count: 1 } as const

function teller({ groups = ['uid-web'], event = 'ALL', isHeld = false } = {}) {
  const w = memoryWorld()
  const group = (name: string, spec: object) => w.put('securityGroups', stored<SecurityGroup>(name, spec))
  group('web', { logging: { event } })
  group('also', { logging: { event: 'DROP' } })
  group('silent', {})
  w.put(
    'ports',
    stored<Port>('p', { networkRef: { name: 'n' } }, { status: { node: 'n1', securityGroupUIDs: groups } }),
  )
  const clock = new FakeClock()
  const events: (RunEvent & { name: string })[] = []
  const end = tellPackets({
    ...{ bus: w.bus, caches: w.deps.caches, isHeld: () => isHeld, clock, log: createLogger('test', 'silent') },
    events: { record: (_, { metadata }, said) => void events.push({ ...said, name: metadata.name }) },
  })
  const hear = async (...said: LoggedPackets[]) => {
    w.bus.packetLogs.emit({ node: 'n1', log: { v: 1, packets: said } })
    await clock.advance(0)
  }
  return { w, clock, events, end, hear, group }
}

test('at once, in words, and as a notification', async () => {
  const { w, events, hear } = teller()
  await hear(packets(), packets({ ...accepted, flow: { ...flow, destinationPort: 80 } }))
  expect(events).toEqual([
    {
      ...{ name: 'web', type: 'Normal', reason: 'PacketsDropped', action: 'Log' },
      note:
        'dropped 14 packets and let 1 packet pass: 14 × tcp 10.0.0.5:4444 to 10.0.1.7:22, to Port p (no rule); ' +
        '1 × tcp 10.0.0.5:4444 to 10.0.1.7:80, to Port p (spec.rules[3])',
    },
  ])
  expect(w.bus.notifications).toMatchObject([
    {
      ...{ eventType: 'security_group.packets', kind: 'SecurityGroup', namespace: 'ns', name: 'web', uid: 'uid-web' },
      payload: {
        ...{ accepted: 1, dropped: 14 },
        packets: [
          { ...flow, count: 14, rule: 'drop', port: 'ns/p', node: 'n1' },
          { count: 1, rule: 3 },
        ],
      },
    },
  ])
})

test.each<[string, Partial<LoggedPackets>, string]>([
  [
    'a ping by IPv6',
    { flow: { protocol: 'icmp6', source: 'fd00::5', destination: 'fd00::7', icmpType: 128 } },
    'icmp6 type 128 fd00::5 to fd00::7, to Port p (no rule)',
  ],
  [
    'from a Port',
    { ...accepted, rule: 'open', direction: 'egress', flow: { ...flow, source: 'fd00::5' } },
    'tcp [fd00::5]:4444 to 10.0.1.7:22, from Port p (everything may leave)',
  ],
])('%s', async (_, change, words) => {
  const { events, hear } = teller()
  await hear(packets(change))
  expect(events[0]?.note).toContain(words)
})

test('then once a minute at the most, with all that came in between; nothing when nothing came', async () => {
  const { clock, events, hear, end } = teller()
  for (let second = 0; second < 120; second += 5) {
    await hear(packets({ count: 2 }))
    await clock.advance(5_000)
  }
  expect(events.map(({ note }) => note.split(':')[0])).toEqual([
    ...['dropped 2 packets', 'dropped 22 packets', 'dropped 24 packets'],
  ])
  expect(clock.pending).toBe(0)
  await clock.advance(3_600_000)
  expect(events).toHaveLength(3)
  end()
})

describe('who is told', () => {
  const names = (events: { name: string }[]) => events.map(({ name }) => name).sort()
  test('of what is dropped each group of the Port that logs it; of what passes the one whose rule it was', async () => {
    const { events, hear, clock } = teller({ groups: ['uid-web', 'uid-also', 'uid-silent'] })
    await hear(packets(accepted))
    expect(names(events)).toEqual(['web'])
    await clock.advance(60_000)
    await hear(packets())
    expect(names(events)).toEqual(['also', 'web', 'web'])
  })
  test.each<[string, LoggedPackets, Parameters<typeof teller>[0]]>([
    ['a Port that is another node’s', packets({ port: 'uid-other' }), {}],
    ['a group that the Port is not in', packets({ group: 'uid-also' }), {}],
    ['a group that no longer logs', packets(), { event: 'ACCEPT' }],
    ['an operator that is held', packets(), { isHeld: true }],
  ])('nobody: %s', async (_, said, options) => {
    const { w, events, hear } = teller(options)
    w.put(
      'ports',
      stored<Port>('other', { networkRef: { name: 'n' } }, { status: { node: 'n2', securityGroupUIDs: ['uid-web'] } }),
    )
    await hear(said)
    expect([events, w.bus.notifications]).toEqual([[], []])
  })
})

test('of very many groups so many in a turn, all in the end', async () => {
  const uids = Array.from({ length: 50 }, (_, i) => `uid-g${i}`)
  const { clock, events, hear, group } = teller({ groups: uids })
  for (let i = 0; i < 50; i++) group(`g${i}`, { logging: { event: 'ALL' } })
  await hear(packets({ group: 'uid-g0' }))
  expect(events).toHaveLength(20)
  await clock.advance(10_000)
  expect(new Set(events.map(({ name }) => name)).size).toBe(50)
  expect(events).toHaveLength(50)
})
