// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { QoSPolicy } from '../../../lib/api/types.ts'
import { stored } from '../../testing/memory-deps.ts'
import { limitsOf } from './limits.ts'

test.each<[string, QoSPolicy['spec'], unknown]>([
  ['nothing', {}, undefined],
  ['what is only set aside', { minimumBandwidths: [{ direction: 'egress', minKbps: 5 }] }, undefined],
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
