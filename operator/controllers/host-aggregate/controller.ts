// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util'
import { FINALIZER, HOST_AGGREGATE } from '../../../lib/api/kinds.ts'
import type { HostAggregate } from '../../../lib/api/types.ts'
import { watchOf, watchSpecOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { listAggregatesOf, listMembersOf } from './membership.ts'
import { reconcileHostAggregate } from './reconcile.ts'

export function hostAggregateController(
  deps: OperatorDeps,
  informers: OperatorInformers,
): ControllerDefinition<HostAggregate> {
  const { caches } = deps
  const namesOfAggregates = (node: string) => listAggregatesOf(node, caches).map(({ metadata }) => metadata.name)
  return {
    name: 'host-aggregate',
    kind: HOST_AGGREGATE,
    finalizer: FINALIZER,
    watches: [
      {
        ...watchOf(informers.nodes, ({ metadata }) => mayHave(metadata)),
        when: (old, node) => !isDeepStrictEqual(old.metadata.labels, node.metadata.labels),
      },
      { ...watchOf(informers.computeNodes, ({ metadata }) => namesOfAggregates(metadata.name)), when: () => false },
      // Of two that give a node its zone the older one counts.
      watchSpecOf(informers.hostAggregates, (other) => listMembersOf(other, caches).flatMap(namesOfAggregates)),
    ],
    reconcile: async (aggregate) => reconcileHostAggregate(aggregate, deps),
  }

  /** All that name the node, or select one of the labels that it has or had: what one loses may be another's. */
  function mayHave({ name, labels = {} }: { name: string; labels?: Readonly<Record<string, string>> }): string[] {
    const { hostAggregates } = caches
    const selecting = Object.entries(labels).map(([key, value]) => hostAggregates.listBy('selects', `${key}=${value}`))
    return [hostAggregates.listBy('node', name), ...selecting].flat().map(({ metadata }) => metadata.name)
  }
}
