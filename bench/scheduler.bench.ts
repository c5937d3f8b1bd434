// SPDX-License-Identifier: Apache-2.0
// Decisions of the scheduler by itself, in process: filters, weighers, explanation, and the claim. Nodes of three zones with machines on them,
// requests of four sizes.
import { Scheduler } from '../operator/scheduler/scheduler.ts'
import type { PlacementRequest } from '../operator/scheduler/filters/request.ts'
import { toFigure, type Figure } from './harness/figure.ts'

export const about =
  'decisions a second of CPU, claim included, at 100, 1,000, 5,000 and 15,000 nodes; the last claims are given back as new ones come'

const SIZES = [100, 1_000, 5_000, 15_000]
const WARM_UP = 2_000
const SAMPLE_MS = 2_000
/** Of a node, in machines of the smallest size: about half of it is taken. */
const STANDING = 8
const MIN_RATE = 20_000
const AT = 5_000
/** Nova 34's own scheduler in process with five filters, as published with its profile: decisions a CPU second. */
const NOVA: Readonly<Record<number, number>> = { 100: 116, 1_000: 9.3, 5_000: 1.6 }

const FLAVORS = [1, 2, 4, 8].map((vcpus) => ({ vcpus, memoryMiB: vcpus * 1024, diskGiB: vcpus * 10 }))

export function run(): Promise<Figure[]> {
  const rates = SIZES.map((nodes) => ({ nodes, rate: measure(nodes) }))
  return Promise.resolve(rates.map(({ nodes, rate }) => toScheduled(nodes, rate)))
}

function toScheduled(nodes: number, rate: number): Figure {
  const nova = NOVA[nodes]
  return toFigure({
    ...{ bench: 'scheduler', metric: `decisions, ${nodes} nodes`, value: rate, unit: '1/s of CPU', n: nodes },
    ...(nova === undefined ? {} : { peer: { name: 'Nova 34, published', value: nova } }),
    ...(nodes === AT ? { target: { text: `≥ ${MIN_RATE}`, pass: rate >= MIN_RATE } } : {}),
  })
}

function measure(nodes: number): number {
  const scheduler = makeCloud(nodes)
  let next = 0
  const decide = () => {
    const uid = `vm-${next}`
    if (!scheduler.place(requestOf(uid, next)).ok) throw new Error(`no node of ${nodes} has room for machine ${next}`)
    // As many machines go as come.
    if (next >= nodes) scheduler.forget(`vm-${next - nodes}`)
    next++
  }
  for (let i = 0; i < WARM_UP; i++) decide()
  const [from, before] = [next, process.cpuUsage()]
  const until = performance.now() + SAMPLE_MS
  while (performance.now() < until) for (let i = 0; i < 50; i++) decide()
  const { user, system } = process.cpuUsage(before)
  return ((next - from) / (user + system)) * 1_000_000
}

function makeCloud(nodes: number): Scheduler {
  const scheduler = new Scheduler()
  for (let i = 0; i < nodes; i++) {
    const name = `compute-${i}`
    scheduler.putNode({
      ...{ name, up: true, hypervisor: 'libvirt', acceleration: 'kvm', zone: `zone-${i % 3}` },
      capacity: { vcpus: 64, memoryMiB: 262_144, diskGiB: 4_000 },
    })
    const [small] = FLAVORS
    const machines = small ? Array.from({ length: (i * 7) % STANDING }, () => small) : []
    for (const [j, amounts] of machines.entries()) scheduler.confirm(`on-${i}-${j}`, [{ node: name, amounts }])
  }
  return scheduler
}

function requestOf(uid: string, i: number): PlacementRequest {
  const amounts = FLAVORS[i % FLAVORS.length]
  if (!amounts) throw new Error('no flavors')
  return {
    ...{ uid, amounts, excluded: new Map(), requireKvm: i % 2 === 0, needsVhostUser: false },
    ...(i % 5 === 0 ? { availabilityZone: `zone-${i % 3}` } : {}),
  }
}
