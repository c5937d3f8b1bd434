// SPDX-License-Identifier: Apache-2.0
// From the request that creates a Port to `ovn-installed` on the interface of its node, with ten and with a thousand ports on its network.
// Without guests: the sample is a Port of the API; that it belongs on a node, which the operator writes when a machine has a place, is
// written by the bench as soon as the operator's row is there, and the interface is an internal port of the node's switch. The ports
// that the network already has are bound, plugged and in the same port groups, but rows of the bench and not resources.
import { randomUUID } from 'node:crypto'
import * as draft from '../e2e/harness/objects.ts'
import { waitForGone, waitForReady } from '../e2e/harness/wait.ts'
import { PORT } from '../lib/api/kinds.ts'
import type { Port } from '../lib/api/types.ts'
import { median, quantile, toFigure, type Figure } from './harness/figure.ts'
import { findOption } from './harness/arguments.ts'
import { prepareProject, withCloud, type BenchCloud } from './harness/bench-cloud.ts'
import { Northbound } from './harness/northbound.ts'
import { SwitchPorts } from './harness/switch-ports.ts'

export const about = 'a Port from created to ovn-installed, with 10 and with 1,000 ports on its network'

const TOGETHER = 50
const MOST_MS = 200

/** @param args --n N samples a size (40), --many N (1000), --plugged N of the ports that are there have an interface, on each node (50) */
export async function run(args: readonly string[]): Promise<Figure[]> {
  const n = findOption(args, 'n', 40)
  const sizes = [10, findOption(args, 'many', 1000)]
  return withCloud('ports', {}, async (cloud) => {
    await prepareProject(cloud)
    const model = await create(cloud, 'model')
    const parts: Parts = {
      cloud,
      model: model.metadata.uid,
      northbound: new Northbound(cloud.cloud, cloud.networkNode),
      plugged: findOption(args, 'plugged', 50),
      switches: new Map(cloud.computeNodes.map((node) => [node, new SwitchPorts(cloud.cloud, node)])),
    }
    try {
      await parts.northbound.waitForPort(parts.model)
      const figures: Figure[] = []
      let held = 0
      for (const size of sizes) {
        held = await fill(parts, held, size)
        figures.push(...toFigures(size, await sample(parts, size, n)))
      }
      return figures
    } finally {
      await Promise.all([parts.northbound, ...parts.switches.values()].map((part) => part.close()))
    }
  })
}

interface Parts {
  cloud: BenchCloud
  northbound: Northbound
  /** How many of the ports that are there have an interface, on each node: as many as it has guests. */
  plugged: number
  /** By node. */
  switches: ReadonlyMap<string, SwitchPorts>
  /** Uid of the Port that the others are made after. */
  model: string
}

/** Up to `size` ports, spread over the nodes and installed there. */
async function fill(
  { cloud, switches, northbound, model, plugged }: Parts,
  from: number,
  size: number,
): Promise<number> {
  const startedAt = performance.now()
  const nodes = [...switches.keys()]
  for (let at = from; at < size; at += TOGETHER) {
    const ports = Array.from({ length: Math.min(TOGETHER, size - at) }, (_, i) => {
      const byte = (value: number) => (value & 255).toString(16).padStart(2, '0')
      const address = `0a:00:00:00:${byte((at + i) >> 8)}:${byte(at + i)} 10.20.${128 + ((at + i) >> 8)}.${(at + i) & 255}`
      return { name: randomUUID(), address, node: nodes[i % nodes.length] ?? '' }
    })
    await northbound.addLike(model, ports)
    for (const [node, on] of switches) {
      const here = ports.filter((port) => port.node === node)
      const room = Math.max(0, plugged - Math.ceil(at / nodes.length))
      const uids = here.slice(0, room).map((port) => port.name)
      if (uids.length === 0) continue
      await on.plug(uids)
      await on.waitInstalled(uids)
    }
  }
  console.log(`${cloud.name}: ${size} ports after ${((performance.now() - startedAt) / 1000).toFixed(1)} s more`)
  return size
}

interface Sample {
  /** Until the operator's row is in the northbound database and the Port says so. */
  writtenMs: number
  installedMs: number
}

/** One at a time, each gone before the next: the network's size stays what it is. */
async function sample({ cloud, switches, northbound }: Parts, size: number, n: number): Promise<Sample[]> {
  const samples: Sample[] = []
  const nodes = [...switches]
  for (let i = -2; i < n; i++) {
    const name = `sample-${size}-${i + 2}`
    const [node, on] = nodes[Math.abs(i) % nodes.length] ?? []
    if (node === undefined || !on) throw new Error('no compute node')
    const startedAt = performance.now()
    const { metadata } = await create(cloud, name)
    const plugged = on.plug([metadata.uid])
    await northbound.waitForPort(metadata.uid)
    await waitForReady(cloud.client, PORT, { namespace: cloud.namespace, name })
    const writtenMs = performance.now() - startedAt
    const unbind = northbound.bind(metadata.uid, node)
    await plugged
    await on.waitInstalled([metadata.uid])
    if (i >= 0) samples.push({ writtenMs, installedMs: performance.now() - startedAt })
    unbind()
    await on.unplug(metadata.uid)
    await cloud.client.remove(PORT, { namespace: cloud.namespace, name })
    await waitForGone(cloud.client, PORT, { namespace: cloud.namespace, name })
  }
  return samples
}

function create({ client, namespace }: BenchCloud, name: string): Promise<Port> {
  return client.create<Port>(PORT, draft.port({ namespace, name }, 'net') as never)
}

function toFigures(size: number, samples: readonly Sample[]): Figure[] {
  const common = { bench: 'ports', unit: 'ms', n: samples.length }
  const installed = samples.map((s) => s.installedMs)
  const p95 = quantile(installed, 0.95)
  const target = { text: `≤ ${MOST_MS} ms`, pass: p95 <= MOST_MS }
  return [
    toFigure({ ...common, metric: `created to ovn-installed, ${size} ports, median`, value: median(installed) }),
    toFigure({
      ...common,
      metric: `of that until row and status are written, ${size} ports, median`,
      value: median(samples.map((s) => s.writtenMs)),
    }),
    toFigure({ ...common, metric: `created to ovn-installed, ${size} ports, p95`, value: p95, target }),
  ]
}
