// SPDX-License-Identifier: Apache-2.0
import { Gauge, type Registry } from 'prom-client'
import type { NodeLoad } from '../../lib/contract/documents.ts'

/** What was not said for so long is not shown: the node is silent, or no longer of this cloud. */
const FORGET_AFTER_MS = 15 * 60_000

/** What waits on the nodes, as their agents say with each heartbeat; never stored. */
export class NodeLoads {
  readonly #loads = new Map<string, { load: NodeLoad; atMs: number }>()
  readonly #now: () => number

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  heard(node: string, load: NodeLoad | undefined): void {
    if (load) this.#loads.set(node, { load, atMs: this.#now() })
    else this.#loads.delete(node)
  }

  list(): { node: string; load: NodeLoad }[] {
    const now = this.#now()
    for (const [node, { atMs }] of this.#loads) if (now - atMs > FORGET_AFTER_MS) this.#loads.delete(node)
    return [...this.#loads].map(([node, { load }]) => ({ node, load }))
  }

  /** Read when the page is asked for. Nodes without work are left out: a cloud has thousands, each with four lines. */
  register(registry: Registry): void {
    const list = () => this.list().filter(({ load }) => Object.values(load).some((value) => value > 0))
    new Gauge({
      name: 'nephele_node_work',
      help: 'Objects on a node by what its agent does about them: waiting for a slot (urgent: deletes and power changes), or long work such as downloads',
      labelNames: ['node', 'what'],
      registers: [registry],
      collect() {
        this.reset()
        for (const { node, load } of list()) {
          this.set({ node, what: 'urgent' }, load.urgent)
          this.set({ node, what: 'waiting' }, load.waiting)
          this.set({ node, what: 'long' }, load.long)
        }
      },
    })
    new Gauge({
      name: 'nephele_node_work_oldest_seconds',
      help: 'How long what waits longest for a slot of its node’s agent has waited',
      labelNames: ['node'],
      registers: [registry],
      collect() {
        this.reset()
        for (const { node, load } of list()) this.set({ node }, load.oldestSeconds)
      },
    })
  }
}
