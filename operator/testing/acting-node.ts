// SPDX-License-Identifier: Apache-2.0
// A node whose machine is a word: what an agent decides and records of it is the agent's own (agents/compute/power.ts), and each answer is one step further.
import { afterDeed, findAction, toObservedAction } from '../../agents/compute/machine-action.ts'
import { afterAction, decidePower } from '../../agents/compute/power.ts'
import { NEW_RECORD, type PowerRecord } from '../../agents/compute/power-record.ts'
import type { InstanceDocument, ObservedDocument } from '../../lib/contract/documents.ts'
import { wellAnswered, type Answer } from './answers.ts'

const BOOT = 'boot-0001'

interface Machine {
  power: 'running' | 'off'
  record: PowerRecord
}

export class ActingNode {
  /** Everything that was done to machines, in order: `UID shutdown` and so on. */
  readonly done: string[] = []
  /** Its agent is killed after it recorded a deed and before it was done. */
  isKilledAtDeeds = false
  readonly #machines = new Map<string, Machine>()
  #nowMs = Date.parse('2026-01-01T00:00:00Z')

  readonly answer: Answer = (document) => {
    const usual = wellAnswered(document)
    if (document.kind !== 'instance' || document.tombstone || !usual) return usual
    const machine = this.#machines.get(document.uid) ?? { power: 'off', record: NEW_RECORD }
    this.#machines.set(document.uid, machine)
    this.#step(document, machine)
    return this.#report(document, machine, usual)
  }

  #step({ uid, spec, grantedBootId }: InstanceDocument, machine: Machine): void {
    this.#nowMs += 1000
    const decision = decidePower({
      ...{ spec, bootId: BOOT, grantedBootId: grantedBootId ?? '', hostStopping: false },
      ...{ instance: { power: machine.power, ioError: false }, record: machine.record, nowMs: this.#nowMs },
    })
    machine.record = decision.record
    const { deed, action } = decision
    if (deed === undefined ? action === undefined : this.isKilledAtDeeds) return
    this.done.push(`${uid} ${deed ?? action}`)
    if (deed !== undefined) machine.record = afterDeed(machine.record, undefined, this.#nowMs)
    if (action === undefined) return
    machine.power = action === 'on' ? 'running' : 'off'
    machine.record = afterAction(machine.record, action, this.#nowMs)
  }

  #report({ spec }: InstanceDocument, { power, record }: Machine, usual: Partial<ObservedDocument>) {
    const found = findAction(record, spec.action?.uid)
    const { facts = {} } = usual
    const state = power === 'running' ? 'running' : 'building'
    return { ...usual, state, facts: { ...facts, action: found && toObservedAction(found) } }
  }
}
