// SPDX-License-Identifier: Apache-2.0
import { OvsdbClient, type OvsdbClientOptions } from '../../../lib/ovsdb/client.ts'
import type { MonitoredTable } from '../../../lib/ovsdb/session.ts'
import type { RowChange } from '../../../lib/ovsdb/row-change.ts'
import { readString } from '../../../lib/ovsdb/values.ts'
import { Listeners } from '../../bus/listeners.ts'
import { Claimants } from './claimants.ts'
import { NextHops } from './next-hops.ts'
import { Probes } from './probes.ts'

export type SouthboundOptions = Pick<OvsdbClientOptions, 'remotes' | 'tls' | 'onDisconnect' | 'timeoutMs'>

/** Only what shows which chassis claims which port, those of guests, which have an empty type, of hosts outside, and gateways; and what probes and BFD find. ovn-sb(5). */
const TABLES = {
  Port_Binding: {
    columns: ['logical_port', 'chassis', 'virtual_parent'],
    where: [
      ['type', '==', ''],
      ['type', '==', 'external'],
      ['type', '==', 'chassisredirect'],
      ['type', '==', 'virtual'],
    ],
  },
  Chassis: { columns: ['name'] },
  Service_Monitor: { columns: ['logical_port', 'ip', 'protocol', 'port', 'status'] },
  BFD: { columns: ['logical_port', 'dst_ip', 'status'] },
} as const satisfies Record<string, MonitoredTable>

/** The southbound database as the operator sees it: it reads who claims ports, and writes nothing. */
export class Southbound {
  readonly #client: OvsdbClient
  readonly #claimants = new Claimants()
  readonly #claims = new Listeners<Iterable<string>>()
  readonly probes = new Probes()
  readonly nextHops = new NextHops()

  constructor(options: SouthboundOptions) {
    this.#client = new OvsdbClient({ ...options, database: 'OVN_Southbound', tables: TABLES })
    this.#client.onChange((changes) => this.#update(changes))
  }

  start(signal: AbortSignal): void {
    this.#client.start(signal)
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  get synced(): boolean {
    return this.#client.synced
  }

  get failure(): unknown {
    return this.#client.failure
  }

  onSync(listener: (synced: boolean) => void): () => void {
    return this.#client.onSync(listener)
  }

  /** Called with the names of ports whose claim may have changed. */
  onClaims(listener: (names: Iterable<string>) => void): () => void {
    return this.#claims.add(listener)
  }

  /** The chassis that claims the port of this name. */
  claimantOf(name: string): string | undefined {
    const chassis = this.#claimants.chassisOf(name)
    return chassis === undefined ? undefined : readString(this.#client.rows('Chassis').get(chassis)?.['name'])
  }

  /** Which port speaks for the virtual one of this name, and on which chassis. */
  virtualHolderOf(name: string): { portUid: string; node: string } | undefined {
    const [portUid, node] = [this.#claimants.virtualParentOf(name), this.claimantOf(name)]
    return portUid === undefined || node === undefined ? undefined : { portUid, node }
  }

  #update(changes: readonly RowChange[]): void {
    this.probes.update(changes)
    this.nextHops.update(changes)
    this.#claims.emit(this.#claimants.update(changes))
  }
}
