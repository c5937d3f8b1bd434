// SPDX-License-Identifier: Apache-2.0
// A node whose machine is a word: what an agent decides and records of it is the agent's own (agents/compute/power.ts), and each answer is one step further.
import { numberOf } from '../../agents/compute/action-record.ts'
import { afterDeed, findAction, findUnderWay, toObservedAction } from '../../agents/compute/machine-action.ts'
import { afterAction, decidePower } from '../../agents/compute/power.ts'
import { NEW_RECORD, type PowerRecord } from '../../agents/compute/power-record.ts'
import { afterMaking } from '../../agents/compute/rebuild.ts'
import type { CaptureSeen } from '../../agents/compute/snapshot.ts'
import { rescueDiskNumberOf, rootDiskNumberOf, settledRootDisk } from '../../agents/compute/which-root-disk.ts'
import type { InstanceDocument, ObservedDocument } from '../../lib/contract/documents.ts'
import { wellAnswered, type Answer } from './answers.ts'

const BOOT = 'boot-0001'

interface Machine {
  power: 'running' | 'off'
  record: PowerRecord
  /** That it is defined with. */
  rootDisk: number
  rescueDisk: number
  /** Of its root disk, that is taken. */
  capture?: CaptureSeen | undefined
}

const CAPTURED: CaptureSeen = {
  ...{ state: 'done', steps: ['DiskRead'] },
  captured: { sha256: 'c5'.repeat(32), sizeBytes: 1024, virtualSizeBytes: 2 ** 30 },
}

export class ActingNode {
  /** Everything that was done to machines, in order: `UID shutdown` and so on. */
  readonly done: string[] = []
  /** Its agent is killed after it recorded a deed and before it was done. */
  isKilledAtDeeds = false
  /** Why there is no room for another disk of a machine. */
  shortage: string | undefined
  /** Copies of root disks do not come to their end. */
  isReading = false
  readonly #machines = new Map<string, Machine>()
  #nowMs = Date.parse('2026-01-01T00:00:00Z')

  readonly answer: Answer = (document) => {
    const usual = wellAnswered(document)
    if (document.kind !== 'instance' || document.tombstone || !usual) return usual
    const machine = this.#machines.get(document.uid) ?? { power: 'off', record: NEW_RECORD, rootDisk: 0, rescueDisk: 0 }
    this.#machines.set(document.uid, machine)
    this.#step(document, machine)
    return this.#report(document, machine, usual)
  }

  #step({ uid, spec, grantedBootId }: InstanceDocument, machine: Machine): void {
    this.#nowMs += 1000
    if (machine.power === 'off') {
      machine.rootDisk = rootDiskNumberOf(machine.record)
      machine.rescueDisk = rescueDiskNumberOf(machine.record)
    }
    const rebuild = { image: { state: 'ready', message: '' }, shortage: this.shortage } as const
    const decision = decidePower({
      ...{ spec, bootId: BOOT, grantedBootId: grantedBootId ?? '', hostStopping: false },
      instance: {
        ...{ power: machine.power, ioError: false, rootDisk: machine.rootDisk },
        ...(machine.rescueDisk === 0 ? {} : { rescueDisk: machine.rescueDisk }),
      },
      rebuild,
      ...{ record: machine.record, nowMs: this.#nowMs, capture: machine.capture },
    })
    machine.record = decision.record
    if (decision.capture) {
      this.done.push(`${uid} capture`)
      machine.capture = this.isReading ? { state: 'running', steps: [] } : CAPTURED
      return
    }
    if (!findUnderWay(machine.record)) machine.capture = undefined
    const { deed, action, make } = decision
    if (make) {
      this.done.push(`${uid} make-${numberOf(make)}-${(make.rebuild ?? make.rescue)?.image.uid}`)
      machine.record = afterMaking(machine.record, undefined, this.#nowMs)
      return
    }
    if (deed === undefined ? action === undefined : this.isKilledAtDeeds) return
    this.done.push(`${uid} ${deed ?? action}`)
    if (deed !== undefined) machine.record = afterDeed(machine.record, undefined, this.#nowMs)
    if (action === undefined) return
    machine.power = action === 'on' ? 'running' : 'off'
    machine.record = afterAction(machine.record, action, this.#nowMs)
  }

  #report({ spec }: InstanceDocument, { power, record }: Machine, usual: Partial<ObservedDocument>) {
    const found = findAction(record, spec.action?.uid)
    const isMade = numberOf(findUnderWay(record) ?? {}) !== undefined
    const wasGiven = !isMade && (record.rootDisk !== undefined || record.rootDisksSettled !== undefined)
    const disks = {
      ...{ rootDisk: record.rootDisk?.disks.root ?? 0, rootDisksSettled: settledRootDisk(record) },
      ...(record.rescue ? { rescueDisk: record.rescue.disk } : {}),
    }
    const { facts = {} } = usual
    const isOff = spec.runState === 'Stopped' ? 'stopped' : 'building'
    const state = power === 'running' ? 'running' : isOff
    return {
      ...usual,
      state,
      facts: { ...facts, ...(wasGiven ? disks : {}), action: found && toObservedAction(found) },
    }
  }
}
