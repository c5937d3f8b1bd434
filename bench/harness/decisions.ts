// SPDX-License-Identifier: Apache-2.0
// A scheduler in process that decides about one machine after the other: how many a second of CPU.
import type { PlacementRequest } from '../../operator/scheduler/filters/request.ts'
import type { NodeFacts } from '../../operator/scheduler/nodes/node-facts.ts'
import type { Policy } from '../../operator/scheduler/policy.ts'
import { Scheduler } from '../../operator/scheduler/scheduler.ts'

/** Of CPU. */
const SAMPLE_MS = 1_000
/** Between two looks at the clock, which take long themselves. */
const STEPS = 500
const WARM_UP = 2_000
/** Of decisions that take milliseconds. */
const SLOW_STEPS = 5
/** Of a node, in machines of the smallest size: about half of it is taken. */
const STANDING = 8
const SMALL = { vcpus: 1, memoryMiB: 1024, diskGiB: 10 }

/** The machine of this number. */
export type Ask = (i: number) => Partial<PlacementRequest> & Pick<PlacementRequest, 'amounts'>

/** Nodes of three zones with machines on them. */
export function makeCloud(nodes: number, factsOf: (i: number) => Partial<NodeFacts> = () => ({})): Scheduler {
  const scheduler = new Scheduler()
  for (let i = 0; i < nodes; i++) {
    const name = `compute-${i}`
    scheduler.putNode({
      ...{ name, up: true, hypervisor: 'libvirt', acceleration: 'kvm', zone: `zone-${i % 3}` },
      capacity: { vcpus: 64, memoryMiB: 262_144, diskGiB: 4_000 },
      ...factsOf(i),
    })
    for (let j = 0; j < (i * 7) % STANDING; j++) scheduler.confirm(`on-${i}-${j}`, [{ node: name, amounts: SMALL }])
  }
  return scheduler
}

/** @param alive as many machines stand: when more come, the oldest go; isSlow: each decision takes milliseconds */
export function rateOf(
  scheduler: Scheduler,
  ask: Ask,
  { alive, isSlow = false, policy }: { alive: number; isSlow?: boolean; policy?: Policy },
): number {
  let next = 0
  const decide = () => {
    const request = { uid: `vm-${next}`, excluded: new Map(), requireKvm: false, needsVhostUser: false, ...ask(next) }
    const choice = scheduler.place(request, policy)
    if (!choice.ok) throw new Error(`no node has room for machine ${next}: ${choice.why}`)
    if (next >= alive) scheduler.forget(`vm-${next - alive}`)
    next++
  }
  for (let i = 0; i < (isSlow ? SLOW_STEPS : WARM_UP); i++) decide()
  const from = next
  const ms = usedMs(decide, isSlow ? SLOW_STEPS : STEPS)
  return ((next - from) / ms) * 1_000
}

/** Runs it again and again for SAMPLE_MS of CPU, however much of it others take. @returns what it took exactly */
function usedMs(step: () => void, steps: number): number {
  const before = process.cpuUsage()
  for (;;) {
    for (let i = 0; i < steps; i++) step()
    const { user, system } = process.cpuUsage(before)
    const ms = (user + system) / 1_000
    if (ms >= SAMPLE_MS) return ms
  }
}
