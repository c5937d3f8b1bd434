// SPDX-License-Identifier: Apache-2.0
import type { RowChange } from '../../../lib/ovsdb/row-change.ts'
import { readString, readUuids, type OvsRow } from '../../../lib/ovsdb/values.ts'
import { OwnedByRows } from './owned-by-rows.ts'

/** Row uuids of the chassis that claim ports, by the ports' names: ovn-sb(5), Port_Binding. */
export class Claimants {
  readonly #chassis = new OwnedByRows<string>()
  readonly #parents = new OwnedByRows<string>()

  chassisOf(name: string): string | undefined {
    return this.#chassis.get(name)
  }

  /** Name of the port that speaks for a virtual one: ovn-sb(5), virtual_parent. */
  virtualParentOf(name: string): string | undefined {
    return this.#parents.get(name)
  }

  /** @returns the names of ports whose claim may have changed */
  update(changes: readonly RowChange[]): Set<string> {
    const names = new Set<string>()
    for (const { table, uuid, before, after } of changes) {
      if (table === 'Chassis') {
        // Rare: a node came or went. All claimed ports are looked at again.
        for (const name of this.#chassis.keys()) names.add(name)
      }
      if (table !== 'Port_Binding') continue
      const was = before && readString(before['logical_port'])
      if (was !== undefined) {
        this.#chassis.delete(was, uuid)
        this.#parents.delete(was, uuid)
        names.add(was)
      }
      const is = after && readString(after['logical_port'])
      if (is === undefined) continue
      const chassis = claimOf(after)
      if (chassis !== undefined) this.#chassis.set(is, uuid, chassis)
      const parent = readString(after?.['virtual_parent'])
      if (parent !== undefined) this.#parents.set(is, uuid, parent)
      names.add(is)
    }
    return names
  }
}

function claimOf(row: OvsRow | undefined): string | undefined {
  return readUuids(row?.['chassis'])[0]
}
