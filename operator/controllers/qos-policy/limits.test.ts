// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { QoSPolicy } from '../../../lib/api/types.ts'
import { stored } from '../../testing/memory-deps.ts'
import { limitsOf, packetRatesOf } from './limits.ts'

test.each<[string, QoSPolicy['spec'], unknown]>([
  ['nothing', {}, undefined],
  ['what is only set aside', { minimumBandwidths: [{ direction: 'egress', minKbps: 5 }] }, undefined],
  ['packets, which nodes count', { packetRateLimits: [{ direction: 'egress', maxKpps: 5 }] }, undefined],
  ['a mark, zero included', { dscpMark: 0 }, { dscp: 0 }],
  [
    'half a second as burst',
    { bandwidthLimits: [{ direction: 'egress', maxKbps: 9_999 }] },
    { egress: { maxKbps: 9_999, burstKb: 5_000 } },
  ],
  [
    'enough for some packets as burst',
    { bandwidthLimits: [{ direction: 'ingress', maxKbps: 64 }] },
    { ingress: { maxKbps: 64, burstKb: 100 } },
  ],
  [
    'a burst of its own',
    { bandwidthLimits: [{ direction: 'ingress', maxKbps: 64, maxBurstKbps: 80 }] },
    { ingress: { maxKbps: 64, burstKb: 80 } },
  ],
])('%s', (_, spec, limits) => {
  expect(limitsOf(stored<QoSPolicy>('x', spec))).toEqual(limits)
})

test.each<[string, QoSPolicy['spec'], unknown]>([
  ['kilobits alone', { bandwidthLimits: [{ direction: 'egress', maxKbps: 64 }] }, undefined],
  [
    'half a second as burst',
    { packetRateLimits: [{ direction: 'egress', maxKpps: 5 }] },
    { egress: { packetsPerSecond: 5_000, burstPackets: 2_500 } },
  ],
  [
    'a burst of its own, and the other direction',
    {
      packetRateLimits: [
        { direction: 'ingress', maxKpps: 1, maxBurstKpps: 2 },
        { direction: 'egress', maxKpps: 1_000_000 },
      ],
    },
    {
      egress: { packetsPerSecond: 1_000_000_000, burstPackets: 500_000_000 },
      ingress: { packetsPerSecond: 1_000, burstPackets: 2_000 },
    },
  ],
])('packet rates: %s', (_, spec, rates) => {
  expect(packetRatesOf(stored<QoSPolicy>('x', spec))).toEqual(rates)
})
