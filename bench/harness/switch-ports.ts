// SPDX-License-Identifier: Apache-2.0
// Logical ports bound to a node without guests: internal ports of its switch that carry the Port's uid as `iface-id`.
import { INTEGRATION_BRIDGE } from '../../agents/network/drivers/ovs/plug-plan.ts'
import { findByName, openSwitchDatabase } from '../../agents/network/drivers/ovs/switch-database.ts'
import type { OvsdbClient } from '../../lib/ovsdb/client.ts'
import { byUuid, type Operation } from '../../lib/ovsdb/operations.ts'
import { mapOf, namedUuid, readMap, setOf, uuidOf } from '../../lib/ovsdb/values.ts'
import type { Cloud } from '../../local/cloud/cloud.ts'
import { pathIn } from '../../local/node/node.ts'

const TIMEOUT_MS = 120_000

export class SwitchPorts {
  readonly #database: OvsdbClient
  readonly #stop = new AbortController()

  constructor(cloud: Cloud, node: string) {
    this.#database = openSwitchDatabase({
      socketPath: pathIn(cloud.node(node), '/run/openvswitch/db.sock'),
      timeoutMs: TIMEOUT_MS,
    })
    this.#database.start(this.#stop.signal)
  }

  /** All in one transaction. */
  async plug(uids: readonly string[]): Promise<void> {
    await this.#database.ready(AbortSignal.timeout(TIMEOUT_MS))
    const operations = uids.flatMap((uid, i): Operation[] => {
      const external_ids = mapOf({ 'iface-id': uid })
      const row = { name: deviceOf(uid), type: 'internal', external_ids }
      return [
        { op: 'insert', table: 'Interface', 'uuid-name': `iface${i}`, row },
        {
          op: 'insert',
          table: 'Port',
          'uuid-name': `port${i}`,
          row: { name: deviceOf(uid), interfaces: namedUuid(`iface${i}`) },
        },
      ]
    })
    const added = setOf(uids.map((_, i) => namedUuid(`port${i}`)))
    await this.#transact([...operations, this.#mutateBridge('insert', added)])
  }

  async unplug(uid: string): Promise<void> {
    const port = findByName(this.#database, 'Port', deviceOf(uid))
    if (port) await this.#transact([this.#mutateBridge('delete', setOf([uuidOf(port.uuid)]))])
  }

  /** Resolves when OVN says that all flows of these ports are in the switch. */
  async waitInstalled(uids: readonly string[]): Promise<void> {
    const waiting = new Set(uids.map(deviceOf))
    const check = (): true | undefined => {
      for (const row of this.#database.rows('Interface').values()) {
        const name = String(row['name'])
        if (waiting.has(name) && readMap(row['external_ids'])['ovn-installed'] === 'true') waiting.delete(name)
      }
      return waiting.size === 0 ? true : undefined
    }
    await this.#database.waitUntil(check, AbortSignal.timeout(TIMEOUT_MS))
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#database.close()
  }

  #mutateBridge(mutator: 'insert' | 'delete', ports: ReturnType<typeof setOf>): Operation {
    const bridge = findByName(this.#database, 'Bridge', INTEGRATION_BRIDGE)
    if (!bridge) throw new Error(`no bridge ${INTEGRATION_BRIDGE}`)
    return { op: 'mutate', table: 'Bridge', where: byUuid(bridge.uuid), mutations: [['ports', mutator, ports]] }
  }

  async #transact(operations: Operation[]): Promise<void> {
    await this.#database.transact(operations, AbortSignal.timeout(TIMEOUT_MS))
  }
}

const deviceOf = (uid: string) => `bp${uid.slice(0, 11)}`
