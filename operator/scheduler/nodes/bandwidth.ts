// SPDX-License-Identifier: Apache-2.0
// Bandwidth of physical networks, as machines claim it of a node.
import { combineByNetwork, isWithinByNetwork } from './by-network.ts'

/** Kilobits a second. */
export interface Kbps {
  egressKbps: number
  ingressKbps: number
}

/** By physical network; absent: none. */
export type Bandwidth = Readonly<Record<string, Kbps>>

const NONE: Kbps = { egressKbps: 0, ingressKbps: 0 }
const KINDS = ['egressKbps', 'ingressKbps'] as const

export function bandwidthOn(bandwidth: Bandwidth | undefined, physicalNetwork: string): Kbps {
  return bandwidth?.[physicalNetwork] ?? NONE
}

export function addBandwidth(a: Bandwidth | undefined, b: Bandwidth | undefined): Bandwidth | undefined {
  return combineByNetwork(KINDS, a, b, (x, y) => x + y)
}

export function subtractBandwidth(a: Bandwidth | undefined, b: Bandwidth | undefined): Bandwidth | undefined {
  return combineByNetwork(KINDS, a, b, (x, y) => x - y)
}

export function largerBandwidth(a: Bandwidth | undefined, b: Bandwidth | undefined): Bandwidth | undefined {
  return combineByNetwork(KINDS, a, b, Math.max)
}

/** Whether `a` is no more than `b`. */
export function isWithin(a: Bandwidth | undefined, b: Bandwidth | undefined): boolean {
  return isWithinByNetwork(KINDS, a, b)
}
