// SPDX-License-Identifier: Apache-2.0
import { Gauge, type Registry } from 'prom-client'
import type { ComputeNode } from '../../lib/api/types.ts'
import { findCondition } from '../../lib/conditions.ts'
import type { Caches } from '../kind/row.ts'
import { MACHINE_CLAIMS } from '../controllers/compute-node/unknown-machines.ts'

/** Read from the caches when the page is asked for. */
export function registerNodeMetrics(registry: Registry, caches: Pick<Caches, 'computeNodes'>): void {
  new Gauge({
    name: 'nephele_nodes_with_unknown_machines',
    help: 'Nodes that say that they have machines which nothing put there (condition MachineClaims)',
    registers: [registry],
    collect() {
      const isDoubted = ({ status }: ComputeNode) =>
        findCondition(status?.conditions, MACHINE_CLAIMS)?.status === 'False'
      this.set(caches.computeNodes.list().filter(isDoubted).length)
    },
  })
  new Gauge({
    name: 'nephele_nodes',
    help: 'ComputeNodes by the status and the reason of their condition Ready',
    labelNames: ['ready', 'reason'],
    registers: [registry],
    collect() {
      this.reset()
      this.set({ ready: 'True', reason: 'Ready' }, 0)
      for (const { status } of caches.computeNodes.list()) {
        const ready = findCondition(status?.conditions, 'Ready')
        this.inc({ ready: ready?.status ?? 'Unknown', reason: ready?.reason ?? '' })
      }
    },
  })
}
