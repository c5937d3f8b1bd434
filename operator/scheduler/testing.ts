// SPDX-License-Identifier: Apache-2.0
// Nodes and requests for the tables of filters' tests.
import type { Filter } from './filters/filter.ts'
import { whyRefused } from './filters/filter.ts'
import type { PlacementRequest } from './filters/request.ts'
import type { Aggregate } from './nodes/aggregate.ts'
import type { NodeFacts } from './nodes/node-facts.ts'
import { Scheduler } from './scheduler.ts'

export const nodeFacts = (more: Partial<NodeFacts> = {}): NodeFacts => ({
  ...{ name: 'n1', up: true, hypervisor: 'libvirt', acceleration: 'kvm' },
  capacity: { vcpus: 4, memoryMiB: 4096, diskGiB: 40 },
  ...more,
})

export const placementRequest = (more: Partial<PlacementRequest> = {}): PlacementRequest => ({
  ...{ uid: 'u1', amounts: { vcpus: 1, memoryMiB: 1024, diskGiB: 10 } },
  ...{ excluded: new Map(), requireKvm: false, needsVhostUser: false, ...more },
})

/** One for each, in the order of the arguments. */
export const aggregatesWith = (...metadata: Record<string, string>[]): Aggregate[] =>
  metadata.map((one, i) => ({ name: `a${i + 1}`, metadata: one }))

/** What the filter says of a node alone in its cloud. */
export function refusalOf(
  filter: Filter,
  facts: Partial<NodeFacts>,
  request: Partial<PlacementRequest>,
  before: (scheduler: Scheduler) => void = () => undefined,
): string | undefined {
  const scheduler = new Scheduler()
  scheduler.putNode(nodeFacts(facts))
  before(scheduler)
  const row = scheduler.nodes.find(facts.name ?? 'n1')
  if (!row) throw new Error('the node is not there')
  return whyRefused(filter, row, placementRequest(request))
}
