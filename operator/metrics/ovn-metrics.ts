// SPDX-License-Identifier: Apache-2.0
import { Counter, Gauge, type Registry } from 'prom-client'

type Database = 'northbound' | 'southbound'

/** The operator's connections to OVN's databases; of the leader alone. */
export class OvnMetrics {
  readonly #disconnects: Counter<'database'>
  #read: (() => Iterable<{ database: Database; synced: boolean }>) | undefined

  constructor(registry: Registry) {
    const read = () => this.#read?.() ?? []
    new Gauge({
      name: 'nephele_ovn_connected',
      help: '1 while the operator is connected to a database of OVN and knows its content; of the leader alone',
      labelNames: ['database'],
      registers: [registry],
      collect() {
        this.reset()
        for (const { database, synced } of read()) this.set({ database }, synced ? 1 : 0)
      },
    })
    this.#disconnects = new Counter({
      name: 'nephele_ovn_disconnects_total',
      help: 'Outages of the connection to a database of OVN',
      labelNames: ['database'],
      registers: [registry],
    })
  }

  lost(database: Database): void {
    this.#disconnects.inc({ database })
  }

  /** Read at each scrape, until the signal aborts. */
  watch(read: () => Iterable<{ database: Database; synced: boolean }>, signal: AbortSignal): void {
    this.#read = read
    const end = () => {
      if (this.#read === read) this.#read = undefined
    }
    signal.addEventListener('abort', end, { once: true })
  }
}
