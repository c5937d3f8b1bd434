// SPDX-License-Identifier: Apache-2.0
import type { QoSPolicy } from '../../../lib/api/types.ts'
import type { PortSpec } from '../../../lib/contract/specs.ts'
import type { LogicalLimit, LogicalQoS } from '../../network/logical-kinds.ts'

export type Limits = Pick<LogicalQoS, 'egress' | 'ingress' | 'dscp'>
type Direction = 'egress' | 'ingress'

/** TCP needs a bucket of about 0.4 s to fill a policed line; a whole second would let a tenth too much pass in the first ten. */
const DEFAULT_BURST_SECONDS = 0.5
const LEAST_DEFAULT_BURST_KB = 100

/** What the backend polices and marks; undefined: nothing. */
export function limitsOf({ spec }: QoSPolicy): Limits | undefined {
  const [egress, ingress] = (['egress', 'ingress'] as const).map((direction) => limitOf(spec, direction))
  const { dscpMark: dscp } = spec
  if (!egress && !ingress && dscp === undefined) return undefined
  return { ...(egress ? { egress } : {}), ...(ingress ? { ingress } : {}), ...(dscp === undefined ? {} : { dscp }) }
}

/** What the node of a Port polices; undefined: nothing. */
export function packetRatesOf({ spec }: QoSPolicy): PortSpec['packetRates'] {
  const [egress, ingress] = (['egress', 'ingress'] as const).map((direction) => rateOf(spec, direction))
  if (!egress && !ingress) return undefined
  return { ...(egress ? { egress } : {}), ...(ingress ? { ingress } : {}) }
}

function rateOf({ packetRateLimits = [] }: QoSPolicy['spec'], wanted: Direction) {
  const limit = packetRateLimits.find(({ direction }) => direction === wanted)
  if (!limit) return undefined
  const packetsPerSecond = limit.maxKpps * 1000
  const burstPackets =
    limit.maxBurstKpps === undefined ? Math.ceil(packetsPerSecond * DEFAULT_BURST_SECONDS) : limit.maxBurstKpps * 1000
  return { packetsPerSecond, burstPackets }
}

function limitOf({ bandwidthLimits = [] }: QoSPolicy['spec'], wanted: Direction): LogicalLimit | undefined {
  const limit = bandwidthLimits.find(({ direction }) => direction === wanted)
  if (!limit) return undefined
  const { maxKbps, maxBurstKbps } = limit
  const burstKb = maxBurstKbps ?? Math.max(Math.ceil(maxKbps * DEFAULT_BURST_SECONDS), LEAST_DEFAULT_BURST_KB)
  return { maxKbps, burstKb }
}
