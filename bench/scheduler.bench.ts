// SPDX-License-Identifier: Apache-2.0
// Decisions of the scheduler by itself, in process: filters, weighers, explanation, and the claim. Nodes of three zones with machines on them,
// requests of four sizes.
import { ALL_FILTERS } from '../operator/scheduler/filters/all.ts'
import type { GroupPolicy } from '../operator/scheduler/filters/request.ts'
import { policyOf, type Policy } from '../operator/scheduler/policy.ts'
import { ALL_WEIGHERS } from '../operator/scheduler/weighers/all.ts'
import { compileProfile } from '../operator/scheduler/profiles/compile-profile.ts'
import { makeCloud, rateOf, type Ask } from './harness/decisions.ts'
import { toFigure, type Figure } from './harness/figure.ts'

export const about =
  'decisions a second of CPU, claim included, at 100, 1,000, 5,000 and 15,000 nodes, by the default profile, with every filter, and of members of groups; the last claims are given back as new ones come'

const SIZES = [100, 1_000, 5_000, 15_000]
const MIN_RATE = 20_000
const AT = 5_000
/** Nova 34's own scheduler in process with five filters, as published with its profile: decisions a CPU second. */
const NOVA: Readonly<Record<number, number>> = { 100: 116, 1_000: 9.3, 5_000: 1.6 }

const POLICIES = ['anti-affinity', 'affinity'] as const
const MEMBERS = 20

const FLAVORS = [1, 2, 4, 8].map((vcpus) => ({ vcpus, memoryMiB: vcpus * 1024, diskGiB: vcpus * 10 }))
const SMALL = { vcpus: 1, memoryMiB: 1024, diskGiB: 10 }

const ask: Ask = (i) => ({
  ...{ amounts: FLAVORS[i % FLAVORS.length] ?? SMALL, requireKvm: i % 2 === 0 },
  ...(i % 5 === 0 ? { availabilityZone: `zone-${i % 3}` } : {}),
})

export function run(): Promise<Figure[]> {
  return Promise.resolve([...SIZES.map(byDefault), ...SIZES.map(byAll), ...POLICIES.map(inGroups), ...byExpressions()])
}

function byDefault(nodes: number): Figure {
  const value = rateOf(makeCloud(nodes), ask, { alive: nodes })
  const nova = NOVA[nodes]
  return toFigure({
    ...{ bench: 'scheduler', metric: `decisions, ${nodes} nodes`, value, unit: '1/s of CPU', n: nodes },
    ...(nova === undefined ? {} : { peer: { name: 'Nova 34, published', value: nova } }),
    ...(nodes === AT ? { target: { text: `≥ ${MIN_RATE}`, pass: value >= MIN_RATE } } : {}),
  })
}

/** Each has something to judge by: ratios and bounds of aggregates, isolated hosts, an image that nodes have. */
function byAll(nodes: number): Figure {
  const isolation = { nodes: new Set(['compute-1']), images: new Set(['images/windows']), restrict: true }
  const policy = policyOf(ALL_FILTERS, ALL_WEIGHERS, { maxInstancesPerHost: 100, maxIoOpsPerHost: 50, isolation })
  const aggregates = [
    [{ name: 'fast', metadata: { ssd: 'true', cpu_allocation_ratio: '8', weight: '1' } }],
    [{ name: 'slow', metadata: { ssd: 'false', max_instances_per_host: '90', filter_tenant_id: 'red,blue' } }],
  ]
  const scheduler = makeCloud(nodes, (i) => ({ aggregates: aggregates[i % 4] ?? [], hypervisorVersion: '10.0.2' }))
  for (let i = 0; i < nodes; i += 2) scheduler.images.set('uid-linux', `compute-${i}`, true)
  const image = { image: 'images/linux', imageUid: 'uid-linux', imageProperties: { hw_architecture: 'x86_64' } }
  const flavor = { name: 'small', extraSpecs: { 'capabilities:hypervisor_version': '>= 9000000' } }
  const value = rateOf(scheduler, (i) => ({ ...ask(i), ...image, flavor, project: 'red' }), { alive: nodes, policy })
  return toFigure({
    ...{ bench: 'scheduler', metric: `decisions, every filter, ${nodes} nodes`, value, unit: '1/s of CPU', n: nodes },
  })
}

/** Each group is another one, its members come one after the other. */
function inGroups(policy: GroupPolicy): Figure {
  const groupOf = (i: number) => ({ key: `bench/group-${Math.floor(i / MEMBERS)}`, policy, most: 1 })
  const value = rateOf(makeCloud(AT), (i) => ({ ...ask(i), availabilityZone: 'zone-1', group: groupOf(i) }), {
    alive: AT,
  })
  const metric = `decisions, ${policy} groups of ${MEMBERS}, ${AT} nodes`
  return toFigure({ ...{ bench: 'scheduler', metric, value, unit: '1/s of CPU', n: AT } })
}

/** The most that a profile may have, half of them of each node by itself; and a query of a tenant. First of machines that nobody asked for before, then of equal ones. */
function byExpressions(): Figure[] {
  const own = compileProfile({
    customFilters: range(8).map((i) => ({
      name: `Own${i}`,
      expression: i % 2 === 0 ? `node.freeMemoryMiB > ${i} && node.instances < 900` : `node.zone != "hall-${i}"`,
    })),
    customWeighers: range(8).map((i) => ({
      name: `Own${i}`,
      expression: i % 2 === 0 ? `node.freeVcpus * ${i + 1} - node.instances` : '"tier" in aggregate.metadata ? 1 : 0',
    })),
  })
  if (!own.ok) throw new Error(own.why)
  const query = `["and", [">", "$free_ram_mb", 1], ["<", "$num_instances", 900], ["not", ["=", "$host", "x"]]]`
  const asked: [string, Ask, Policy | undefined][] = [
    ['8 filters and 8 weighers in CEL', ask, own.policy],
    ['a query of 3 terms', (i) => ({ ...ask(i), hints: { query } }), undefined],
  ]
  return asked.flatMap(([what, equal, policy]) => {
    const different: Ask = (i) => ({ ...equal(i), amounts: { ...SMALL, memoryMiB: 1024 + (i % 7_919) } })
    const options = { alive: AT, ...(policy ? { policy } : {}) }
    const first = rateOf(makeCloud(AT), different, { ...options, isSlow: true })
    const value = rateOf(makeCloud(AT), equal, options)
    const peer = { name: 'no two equal', value: first }
    const metric = `decisions, ${what}, ${AT} nodes`
    return toFigure({ ...{ bench: 'scheduler', metric, value, unit: '1/s of CPU', n: AT, peer } })
  })
}

const range = (count: number) => Array.from({ length: count }, (_, i) => i)
