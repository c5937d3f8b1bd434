// SPDX-License-Identifier: Apache-2.0
import type { InstanceDocument, ObservedAction, ObservedFacts } from '../../lib/contract/documents.ts'
import { numberOf } from './action-record.ts'
import { findAction, toObservedAction } from './machine-action.ts'
import type { PowerRecord } from './power-record.ts'
import type { PowerStore } from './power-store.ts'
import { settledRootDisk } from './which-root-disk.ts'

/** A store that also says, without reading, what it last held of actions and disks: reports of runs that fail have it, too. */
export class ActionReports implements PowerStore {
  readonly #store: PowerStore
  /** How far what takes long has come. */
  progressOf: (actionUid: string) => Pick<ObservedAction, 'progress' | 'bytesLeft'> = () => ({})
  readonly #held = new Map<string, Pick<PowerRecord, 'actions' | 'rootDisk' | 'rootDisksSettled' | 'rescue'>>()

  constructor(store: PowerStore) {
    this.#store = store
  }

  async read(uid: string): Promise<PowerRecord> {
    const record = await this.#store.read(uid)
    this.#hold(uid, record)
    return record
  }

  async write(uid: string, old: PowerRecord, next: PowerRecord): Promise<void> {
    await this.#store.write(uid, old, next)
    this.#hold(uid, next)
  }

  /** Of the action that the document asks for, if it has begun; and which root disk the machine has, if it was ever given another. */
  find({
    uid,
    spec,
  }: InstanceDocument): Pick<ObservedFacts, 'action' | 'rootDisk' | 'rootDisksSettled' | 'rescueDisk'> {
    const held = this.#held.get(uid) ?? {}
    const action = findAction(held, spec.action?.uid)
    const { rootDisk, rootDisksSettled, rescue } = held
    // Which one it has is not known as long as one is made.
    const isMade = held.actions?.some((one) => numberOf(one) !== undefined)
    const wasGiven = !isMade && (rootDisk !== undefined || rootDisksSettled !== undefined)
    return {
      ...(action ? { action: { ...toObservedAction(action), ...this.progressOf(action.uid) } } : {}),
      ...(wasGiven ? { rootDisk: rootDisk?.disks.root ?? 0, rootDisksSettled: settledRootDisk(held) } : {}),
      ...(wasGiven && rescue ? { rescueDisk: rescue.disk } : {}),
    }
  }

  forget(uid: string): void {
    this.#held.delete(uid)
  }

  #hold(uid: string, { actions, rootDisk, rootDisksSettled, rescue }: PowerRecord): void {
    this.#held.set(uid, {
      ...(actions ? { actions } : {}),
      ...(rootDisk ? { rootDisk } : {}),
      ...(rootDisksSettled === undefined ? {} : { rootDisksSettled }),
      ...(rescue ? { rescue } : {}),
    })
  }
}
