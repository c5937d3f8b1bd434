// SPDX-License-Identifier: Apache-2.0
// Limits by real packets, TCP and UDP: of a port in both directions, of a router's gateway, and of a floating IP. What arrives is counted for some
// seconds, after a first one in which the burst passes; several times the limit is offered. The peer is the limit itself.
import { doorsOut, type Doors } from './harness/doors-out.ts'
import { atDoor, atOutside, measureKbps, type Flow } from '../e2e/harness/traffic.ts'
import { outsideGateway } from '../e2e/harness/outside.ts'
import * as draft from '../e2e/harness/objects.ts'
import { QOS_POLICY } from '../lib/api/kinds.ts'
import { prepareProject, withCloud, type BenchCloud } from './harness/bench-cloud.ts'
import { findOption } from './harness/arguments.ts'
import { toFigure, type Figure } from './harness/figure.ts'

export const about = 'what passes limits of 2, 10 and 50 Mbit/s at a port, a gateway and a floating IP'

const RATES_KBPS = [2_000, 10_000, 50_000]
const TOLERANCE = 0.1

/** @param args --seconds N (8): how long each flow is counted */
export async function run(args: readonly string[]): Promise<Figure[]> {
  const seconds = findOption(args, 'seconds', 8)
  return withCloud('qos', {}, async (cloud) => {
    await prepareProject(cloud)
    const at = { namespace: cloud.namespace, name: 'limit' }
    await cloud.client.create(QOS_POLICY, draft.qosPolicy(at, limits(RATES_KBPS[0] ?? 0)))
    await using doors = await doorsOut(cloud, at.name)
    const figures: Figure[] = []
    for (const kbps of RATES_KBPS) {
      await cloud.client.mergePatch(QOS_POLICY, at, { spec: limits(kbps) })
      await doors.settle(kbps)
      for (const [name, flow] of flowsOf(cloud, doors))
        for (const protocol of ['tcp', 'udp'] as const) {
          const value = await measureKbps({ ...flow, protocol, seconds, offeredKbps: kbps * 2 })
          figures.push(figureOf(`${name}, ${protocol}`, value, kbps))
        }
    }
    return figures
  })
}

function limits(maxKbps: number): object {
  return { bandwidthLimits: ['egress', 'ingress'].map((direction) => ({ direction, maxKbps })) }
}

function flowsOf(cloud: BenchCloud, { limited, free, floating }: Doors): [string, Flow][] {
  const [one, two, outside] = [atDoor(cloud, limited), atDoor(cloud, free), atOutside(cloud)]
  const { address: gateway } = outsideGateway(cloud)
  return [
    ['port, egress', { from: one, to: two, address: free.address }],
    ['port, ingress', { from: two, to: one, address: limited.address }],
    ['gateway, egress', { from: atDoor(cloud, floating.none), to: outside, address: gateway }],
    ['floating IP, egress', { from: two, to: outside, address: gateway }],
    ['floating IP, ingress', { from: outside, to: two, address: floating.address }],
  ]
}

function figureOf(metric: string, value: number, kbps: number): Figure {
  const pass = Math.abs(value / kbps - 1) <= TOLERANCE
  return toFigure({
    ...{ bench: 'qos', metric: `${metric}, ${kbps / 1000} Mbit/s`, value, unit: 'kbit/s', n: 1 },
    peer: { name: 'limit', value: kbps },
    target: { text: 'within 10 %', pass },
  })
}
