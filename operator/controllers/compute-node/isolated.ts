// SPDX-License-Identifier: Apache-2.0
// Machines stay where they are, whatever HostAggregates come to say: here it says which of them these would not let in now.
import type { ComputeNode, Instance } from '../../../lib/api/types.ts'
import { findCondition, setCondition } from '../../../lib/conditions.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { aggregateImagePropertiesIsolationFilter } from '../../scheduler/filters/aggregate-image-properties-isolation.ts'
import { aggregateMultiTenancyIsolationFilter } from '../../scheduler/filters/aggregate-multi-tenancy-isolation.ts'
import { aggregateTypeAffinityFilter } from '../../scheduler/filters/aggregate-type-affinity.ts'
import type { PlacementRequest } from '../../scheduler/filters/request.ts'
import type { Aggregate } from '../../scheduler/nodes/aggregate.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { policyFor } from '../scheduler-profile/policy-for.ts'

const ISOLATED = 'Isolated'
const MOST_SAID = 4
/** What is asked about is no room. */
const NOTHING = { vcpus: 0, memoryMiB: 0, diskGiB: 0 }
/** What keeps others out, rather than asks for something. */
const ISOLATING = [
  ...[aggregateMultiTenancyIsolationFilter, aggregateImagePropertiesIsolationFilter, aggregateTypeAffinityFilter],
]

/** A condition of nodes whose HostAggregates say something, with an Event when a machine is found that they keep out. */
export function showIsolation(
  computeNode: ComputeNode,
  aggregates: readonly Aggregate[],
  { caches }: Pick<OperatorDeps, 'caches'>,
  run: Pick<Run, 'now' | 'event'>,
): void {
  const status = (computeNode.status ??= {})
  const { name, generation } = computeNode.metadata
  const before = findCondition(status.conditions, ISOLATED)
  if (aggregates.every(({ metadata }) => Object.keys(metadata).length === 0)) {
    if (before) status.conditions = status.conditions?.filter(({ type }) => type !== ISOLATED) ?? []
    return
  }
  const broken = caches.instances.listBy('node', name).flatMap((instance) => {
    const why = whyKeptOut(instance, aggregates, caches)
    return why === undefined ? [] : `${keyOfObject(instance)} is not let in: it ${why}`
  })
  const set = (holds: 'True' | 'False', reason: string, message: string) => {
    const update = { type: ISOLATED, status: holds, reason, message } as const
    status.conditions = setCondition(status.conditions, update, generation, run.now)
  }
  if (broken.length === 0) {
    set('True', 'PolicyHolds', 'its HostAggregates would let in all machines that it has')
    return
  }
  const more = broken.length > MOST_SAID ? `; and ${broken.length - MOST_SAID} more` : ''
  const what = broken.sort().slice(0, MOST_SAID).join('; ')
  const help = 'They were there before, or came in the same moment, and stay: delete them, or leave them be'
  set('False', 'PolicyBroken', `${what}${more}. ${help}`)
  if (before?.status !== 'False') run.event({ type: 'Warning', reason: 'PolicyBroken', action: 'Watch', note: what })
}

/** By the profile that it was placed by: what that does not ask for is not broken. */
function whyKeptOut(
  { metadata, spec, status }: Instance,
  aggregates: readonly Aggregate[],
  caches: OperatorDeps['caches'],
): string | undefined {
  const { name, extraSpecs = {} } = status?.flavor ?? {}
  const by = policyFor(extraSpecs, caches)
  if (!by.ok) return undefined
  const { namespace = '', uid } = metadata
  const { namespace: of = namespace, name: called } = status?.image ?? spec.imageRef
  const image = caches.images.find(of, called)
  const request: PlacementRequest = {
    ...{ uid, amounts: NOTHING, excluded: new Map(), requireKvm: false, needsVhostUser: false, project: namespace },
    ...(name === undefined ? {} : { flavor: { name, extraSpecs } }),
    imageProperties: image?.spec.properties ?? {},
  }
  return ISOLATING.filter((filter) => by.policy.filters.includes(filter))
    .map((filter) => filter.refuse({ up: true, aggregates }, request))
    .find((said) => said !== undefined)
}
