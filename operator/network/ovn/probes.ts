// SPDX-License-Identifier: Apache-2.0
import type { RowChange } from '../../../lib/ovsdb/row-change.ts'
import { readNumber, readString, type OvsRow } from '../../../lib/ovsdb/values.ts'
import { Listeners } from '../../bus/listeners.ts'
import type { NetworkDriver, ProbeResult } from '../network-driver.ts'

const RESULTS: readonly string[] = ['online', 'offline', 'error'] satisfies ProbeResult[]

/** What nodes found when they probed members of balancers: ovn-sb(5), Service_Monitor, a row for each port that is probed. */
export class Probes {
  readonly #results = new Map<string, ProbeResult>()
  readonly #changed = new Listeners<ReadonlySet<string>>()

  resultOf({ portUid, protocol, port }: Parameters<NetworkDriver['probeOf']>[0]): ProbeResult | undefined {
    return this.#results.get(`${portUid}/${protocol}/${port}`)
  }

  onChanged(listener: (portUids: ReadonlySet<string>) => void): () => void {
    return this.#changed.add(listener)
  }

  update(changes: readonly RowChange[]): void {
    const ports = new Set<string>()
    for (const { table, before, after } of changes) {
      if (table !== 'Service_Monitor') continue
      if (before) this.#results.delete(keyOf(before))
      const result = after && readString(after['status'])
      if (after && result !== undefined && RESULTS.includes(result))
        this.#results.set(keyOf(after), result as ProbeResult)
      for (const row of [before, after]) if (row) ports.add(readString(row['logical_port']) ?? '')
    }
    if (ports.size > 0) this.#changed.emit(ports)
  }
}

function keyOf(row: OvsRow): string {
  return `${readString(row['logical_port'])}/${readString(row['protocol'])}/${readNumber(row['port'])}`
}
