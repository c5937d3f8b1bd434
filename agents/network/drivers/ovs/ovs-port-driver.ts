// SPDX-License-Identifier: Apache-2.0
import { TransientError } from '../../../../lib/errors.ts'
import type { OvsdbClient } from '../../../../lib/ovsdb/client.ts'
import { readMap, type OvsRow } from '../../../../lib/ovsdb/values.ts'
import type { PluggedPort, PortDriver, SwitchPort } from '../../port-driver.ts'
import { SWITCH_TIMEOUT_MS, transactApplied } from './applied.ts'
import { countChange, obstacles, plugOperations, toPluggedPort, unplugOperations } from './plug-plan.ts'
import { rootRow, type SwitchView } from './switch-database.ts'

/** @throws TransientError SwitchNotReady when the switch's database does not become reachable in time */
export async function switchReady(
  database: Pick<OvsdbClient, 'ready'>,
  signal: AbortSignal,
  timeoutMs = SWITCH_TIMEOUT_MS,
): Promise<void> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
  await database.ready(deadline).catch((error: unknown) => {
    signal.throwIfAborted()
    throw new TransientError('SwitchNotReady', 'the virtual switch of the node does not answer', { cause: error })
  })
}

const nameIn = (row: OvsRow | undefined): string | undefined => readMap(row?.['external_ids'])['system-id']

function systemId(view: SwitchView): string | undefined {
  return nameIn(rootRow(view)?.row)
}

/** Ports of Open vSwitch, managed through its database: no program is run per port. */
export class OvsPortDriver implements PortDriver {
  readonly name = 'ovs'
  readonly #database: OvsdbClient

  readonly #chassis: string

  /** @param chassis this node's name in OVN: what OVN says about a port for another chassis is ignored */
  constructor(database: OvsdbClient, chassis: string) {
    this.#database = database
    this.#chassis = chassis
  }

  find(kind: PluggedPort['kind'], uid: string): PluggedPort | undefined {
    return this.list().find((port) => port.kind === kind && port.uid === uid)
  }

  list(): PluggedPort[] {
    const isOurs = systemId(this.#database) === this.#chassis
    const ports = [...this.#database.rows('Interface').values()].flatMap((row) => toPluggedPort(row) ?? [])
    return isOurs ? ports : ports.map((port) => ({ ...port, installed: false }))
  }

  async plug(port: SwitchPort, signal: AbortSignal): Promise<void> {
    await switchReady(this.#database, signal)
    await this.#remove(port.kind, port.uid, signal, port.device)
    await this.#database.transact([...plugOperations(this.#database, port), ...countChange()], signal)
  }

  async unplug(kind: PluggedPort['kind'], uid: string, signal: AbortSignal): Promise<void> {
    await switchReady(this.#database, signal)
    await this.#remove(kind, uid, signal)
  }

  async waitUntil(
    kind: PluggedPort['kind'],
    uid: string,
    accept: (port: PluggedPort) => boolean,
    signal: AbortSignal,
  ): Promise<PluggedPort> {
    return this.#database.waitUntil(() => {
      const port = this.find(kind, uid)
      return port && (accept(port) || port.error !== undefined) ? port : undefined
    }, signal)
  }

  onChange(listener: (port?: Pick<PluggedPort, 'kind' | 'uid'>) => void): () => void {
    const stopChanges = this.#database.onChange((changes) => {
      for (const change of changes) {
        if (change.table === 'Open_vSwitch' && nameIn(change.before) !== nameIn(change.after)) listener()
        if (change.table !== 'Interface') continue
        const row = change.after ?? change.before
        const port = row && toPluggedPort(row)
        if (port) listener({ kind: port.kind, uid: port.uid })
      }
    })
    const stopSync = this.#database.onSync((synced) => {
      if (synced) listener()
    })
    return () => {
      stopChanges()
      stopSync()
    }
  }

  /** Resolves when the port is gone from the switch itself. */
  async #remove(kind: PluggedPort['kind'], uid: string, signal: AbortSignal, device?: string): Promise<void> {
    const operations = unplugOperations(this.#database, obstacles(this.#database, kind, uid, device))
    if (operations.length > 0) await transactApplied(this.#database, operations, signal)
  }
}
