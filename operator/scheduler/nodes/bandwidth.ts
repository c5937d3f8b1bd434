// SPDX-License-Identifier: Apache-2.0
// Bandwidth of physical networks, as machines claim it of a node.

/** Kilobits a second. */
export interface Kbps {
  egressKbps: number
  ingressKbps: number
}

/** By physical network; absent: none. */
export type Bandwidth = Readonly<Record<string, Kbps>>

const NONE: Kbps = { egressKbps: 0, ingressKbps: 0 }

export function bandwidthOn(bandwidth: Bandwidth | undefined, physicalNetwork: string): Kbps {
  return bandwidth?.[physicalNetwork] ?? NONE
}

export function addBandwidth(a: Bandwidth | undefined, b: Bandwidth | undefined): Bandwidth | undefined {
  return combine(a, b, (x, y) => x + y)
}

export function subtractBandwidth(a: Bandwidth | undefined, b: Bandwidth | undefined): Bandwidth | undefined {
  return combine(a, b, (x, y) => x - y)
}

export function largerBandwidth(a: Bandwidth | undefined, b: Bandwidth | undefined): Bandwidth | undefined {
  return combine(a, b, Math.max)
}

/** Whether `a` is no more than `b`. */
export function isWithin(a: Bandwidth | undefined, b: Bandwidth | undefined): boolean {
  return Object.entries(a ?? {}).every(([name, { egressKbps, ingressKbps }]) => {
    const most = bandwidthOn(b, name)
    return egressKbps <= most.egressKbps && ingressKbps <= most.ingressKbps
  })
}

/** Networks of which nothing is left are left out; undefined: all are. */
function combine(
  a: Bandwidth | undefined,
  b: Bandwidth | undefined,
  with_: (x: number, y: number) => number,
): Bandwidth | undefined {
  if (!a && !b) return undefined
  const names = new Set([...Object.keys(a ?? {}), ...Object.keys(b ?? {})])
  const entries = [...names].flatMap((name): [string, Kbps][] => {
    const [x, y] = [bandwidthOn(a, name), bandwidthOn(b, name)]
    const both = {
      egressKbps: with_(x.egressKbps, y.egressKbps),
      ingressKbps: with_(x.ingressKbps, y.ingressKbps),
    }
    return both.egressKbps === 0 && both.ingressKbps === 0 ? [] : [[name, both]]
  })
  return entries.length === 0 ? undefined : Object.fromEntries(entries)
}
