// SPDX-License-Identifier: Apache-2.0
// OVN's northbound database from inside of its node: what a benchmark adds to a logical network by its own hand.
import { OvsdbClient } from '../../lib/ovsdb/client.ts'
import { byUuid, type Operation } from '../../lib/ovsdb/operations.ts'
import { mapOf, namedUuid, readMap, readString, readUuids, setOf } from '../../lib/ovsdb/values.ts'
import type { Cloud } from '../../local/cloud/cloud.ts'
import { pathIn } from '../../local/node/node.ts'

const TIMEOUT_MS = 60_000

export class Northbound {
  readonly #database: OvsdbClient
  readonly #stop = new AbortController()

  constructor(cloud: Cloud, node: string) {
    this.#database = new OvsdbClient({
      database: 'OVN_Northbound',
      remotes: [{ transport: 'unix', path: pathIn(cloud.node(node), '/run/ovn/ovnnb_db.sock') }],
      tables: {
        Logical_Switch: { columns: ['name', 'external_ids', 'ports'] },
        Logical_Switch_Port: { columns: ['name', 'options'] },
        Port_Group: { columns: ['name', 'ports'] },
      },
    })
    this.#database.start(this.#stop.signal)
  }

  /** Resolves when the operator has written the port's row. */
  async waitForPort(uid: string): Promise<void> {
    await this.#database.waitUntil(() => this.#findPort(uid), AbortSignal.timeout(TIMEOUT_MS))
  }

  /**
   * As the operator does once the port's machine has a node; until the result is called, since the operator, which knows of no machine,
   * takes it back whenever it looks at the port.
   */
  bind(uid: string, node: string): () => void {
    const options = mapOf({ 'requested-chassis': node })
    const bind: Operation = {
      op: 'update',
      table: 'Logical_Switch_Port',
      where: [['name', '==', uid]],
      row: { options },
    }
    const check = (): void => {
      const row = this.#database.rows('Logical_Switch_Port').get(this.#findPort(uid) ?? '')
      // A port that is gone by now, or a client that is: nobody waits for it any more.
      if (row && readMap(row['options'])['requested-chassis'] !== node)
        void this.#transact([bind]).catch(() => undefined)
    }
    const end = this.#database.onChange(check)
    check()
    return end
  }

  /** Ports in the same switch and port groups as one of the operator's, in one transaction and without the operator's mark. */
  async addLike(uid: string, ports: readonly { name: string; address: string; node: string }[]): Promise<void> {
    const model = this.#findPort(uid)
    if (model === undefined) throw new Error(`no logical port ${uid}`)
    const holding = (table: string) =>
      [...this.#database.rows(table)].filter(([, row]) => readUuids(row['ports']).includes(model)).map(([id]) => id)
    const added = setOf(ports.map((_, i) => namedUuid(`port${i}`)))
    const insert =
      (table: string) =>
      (id: string): Operation => ({
        op: 'mutate',
        table,
        where: byUuid(id),
        mutations: [['ports', 'insert', added]],
      })
    await this.#transact([
      ...ports.map(({ name, address, node }, i): Operation => {
        const options = mapOf({ 'requested-chassis': node })
        const row = { name, addresses: setOf([address]), port_security: setOf([address]), options }
        return { op: 'insert', table: 'Logical_Switch_Port', 'uuid-name': `port${i}`, row }
      }),
      ...holding('Logical_Switch').map(insert('Logical_Switch')),
      ...holding('Port_Group').map(insert('Port_Group')),
    ])
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#database.close()
  }

  #findPort(uid: string): string | undefined {
    for (const [id, row] of this.#database.rows('Logical_Switch_Port')) {
      if (readString(row['name']) === uid) return id
    }
    return undefined
  }

  async #transact(operations: Operation[]): Promise<void> {
    await this.#database.transact(operations, AbortSignal.timeout(TIMEOUT_MS))
  }
}
