// SPDX-License-Identifier: Apache-2.0
import type { InstanceDocument, ObservedAction } from '../../lib/contract/documents.ts'
import { findAction, toObservedAction } from './machine-action.ts'
import type { PowerRecord } from './power-record.ts'
import type { PowerStore } from './power-store.ts'

/** A store that also says, without reading, what it last held of actions: reports of runs that fail have it, too. */
export class ActionReports implements PowerStore {
  readonly #store: PowerStore
  readonly #held = new Map<string, PowerRecord['actions']>()

  constructor(store: PowerStore) {
    this.#store = store
  }

  async read(uid: string): Promise<PowerRecord> {
    const record = await this.#store.read(uid)
    this.#held.set(uid, record.actions)
    return record
  }

  async write(uid: string, old: PowerRecord, next: PowerRecord): Promise<void> {
    await this.#store.write(uid, old, next)
    this.#held.set(uid, next.actions)
  }

  /** Of the action that the document asks for; undefined: it has not begun. */
  find({ uid, spec }: InstanceDocument): ObservedAction | undefined {
    const action = findAction({ actions: this.#held.get(uid) ?? [] }, spec.action?.uid)
    return action && toObservedAction(action)
  }

  forget(uid: string): void {
    this.#held.delete(uid)
  }
}
