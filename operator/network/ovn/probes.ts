// SPDX-License-Identifier: Apache-2.0
import type { RowChange } from '../../../lib/ovsdb/row-change.ts'
import { readNumber, readString, type OvsRow } from '../../../lib/ovsdb/values.ts'
import { Listeners } from '../../bus/listeners.ts'
import type { NetworkDriver } from '../network-driver.ts'
import type { ProbeResult } from '../logical-kinds.ts'
import { OwnedByRows } from './owned-by-rows.ts'

const RESULTS: readonly string[] = ['online', 'offline', 'error'] satisfies ProbeResult[]

/** What nodes found when they probed members of balancers: ovn-sb(5), Service_Monitor, a row for each port that is probed. */
export class Probes {
  readonly #results = new OwnedByRows<ProbeResult>()
  readonly #changed = new Listeners<ReadonlySet<string>>()

  resultOf({ portUid, address, protocol, port }: Parameters<NetworkDriver['probeOf']>[0]): ProbeResult | undefined {
    return this.#results.get(`${portUid}/${address}/${protocol}/${port}`)
  }

  onChanged(listener: (portUids: ReadonlySet<string>) => void): () => void {
    return this.#changed.add(listener)
  }

  update(changes: readonly RowChange[]): void {
    const ports = new Set<string>()
    for (const { table, uuid, before, after } of changes) {
      if (table !== 'Service_Monitor') continue
      if (before) this.#results.delete(keyOf(before), uuid)
      const result = after && readString(after['status'])
      if (after && result !== undefined && RESULTS.includes(result))
        this.#results.set(keyOf(after), uuid, result as ProbeResult)
      for (const row of [before, after]) if (row) ports.add(readString(row['logical_port']) ?? '')
    }
    if (ports.size > 0) this.#changed.emit(ports)
  }
}

function keyOf(row: OvsRow): string {
  const { logical_port: portUid, ip, protocol, port } = row
  return [readString(portUid), readString(ip), readString(protocol), readNumber(port)].join('/')
}
