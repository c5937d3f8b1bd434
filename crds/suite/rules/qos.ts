// SPDX-License-Identifier: Apache-2.0
import { type RuleCase } from './rule-case.ts'

export const QOS: RuleCase[] = [
  {
    ...{ kind: 'QoSPolicy', path: 'spec', says: 'write a minKbps that is not above the maxKbps' },
    bad: { 'spec.minimumBandwidths[0].minKbps': 10_001 },
    good: [
      { 'spec.minimumBandwidths[0].minKbps': 10_000 },
      { 'spec.minimumBandwidths[0]': { direction: 'ingress', minKbps: 20_000 } },
      { 'spec.bandwidthLimits': undefined },
    ],
  },
]
