// SPDX-License-Identifier: Apache-2.0
// How many objects are in which state: counted as they change, so that neither a change nor a scrape costs more in a large cloud.
import { Gauge, type Registry } from 'prom-client'
import type { KubeObject } from '../../lib/kube/object.ts'
import type { Informer } from '../../lib/informer/informer.ts'
import type { OperatorInformers } from '../kind/row.ts'

type Counted = Pick<OperatorInformers, 'instances' | 'images' | 'ports' | 'volumes'>
type Stated = KubeObject & { status?: { state?: string } }

export function registerStateMetrics(registry: Registry, { instances, images, ports, volumes }: Counted): void {
  const counts = new Map<string, Map<string, number>>()
  for (const informer of [instances, images, ports, volumes]) count(informer, counts)
  new Gauge({
    name: 'nephele_objects',
    help: 'Objects by their status.state, of the kinds that machines are made of; new: the operator has not looked at it yet',
    labelNames: ['resource', 'state'],
    registers: [registry],
    collect() {
      for (const [resource, states] of counts) for (const [state, n] of states) this.set({ resource, state }, n)
    },
  })
}

function count(informer: Informer<Stated>, counts: Map<string, Map<string, number>>): void {
  const states = new Map<string, number>()
  counts.set(informer.kind.plural, states)
  const add = (state: string, by: number) => states.set(state, (states.get(state) ?? 0) + by)
  informer.onChange(({ old, object }) => {
    const [before, after] = [old && stateOf(old), object && stateOf(object)]
    if (before === after) return
    if (before !== undefined) add(before, -1)
    if (after !== undefined) add(after, 1)
  })
}

/** Of one that the operator has not looked at yet: `new`. */
const stateOf = ({ status }: Stated): string => status?.state ?? 'new'
