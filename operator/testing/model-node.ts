// SPDX-License-Identifier: Apache-2.0
// Models a node's disks: what it was told, what its guests have in hand, and what it reports, sooner or later. For property tests; the real
// agent's version check and its lists of disks are used.
import { ListedVolumes } from '../../agents/runtime/listed-volumes.ts'
import {
  CONTRACT_VERSION,
  type DesiredDocument,
  type InstanceDocument,
  type ObservedDocument,
  type ObservedFacts,
} from '../../lib/contract/documents.ts'
import { judgeVersions } from '../../lib/contract/versions.ts'

/** How far a run of the agent gets. */
export type RunEnd =
  /** The hypervisor cannot be reached. */
  | 'blind'
  /** The same, and the agent has just restarted. */
  | 'new'
  /** The agent listed the disks, then something failed. */
  | 'looked'
  /** Everything was done, then something failed. */
  | 'changed'
  /** Everything was done, but the guest has not released its disks yet. */
  | 'slow'
  | 'whole'
export const RUN_ENDS: readonly RunEnd[] = ['blind', 'new', 'looked', 'changed', 'slow', 'whole']

interface Guest {
  isOn: boolean
  /** The disks in its definition or, while it is on, those that it has in hand. */
  volumes: Set<string>
}

export class ModelNode {
  readonly name: string
  readonly guests = new Map<string, Guest>()
  /** All reports of this node, in order, by machine. */
  readonly said = new Map<string, ObservedDocument[]>()
  readonly #accepted = new Map<string, DesiredDocument>()
  #lists = new ListedVolumes()
  #isLost = false

  constructor(name: string) {
    this.name = name
  }

  /** The volumes that its guests can write to now, by machine. */
  *hands(): Iterable<[machine: string, volume: string]> {
    for (const [machine, { isOn, volumes }] of this.guests)
      if (isOn) for (const volume of volumes) yield [machine, volume]
  }

  /** Documents are persisted before they are acted on; what is older is refused. */
  accept(document: DesiredDocument | undefined): void {
    if (!document || this.#isLost) return
    if (judgeVersions(this.#accepted.get(document.uid)?.versions, document.versions).ok)
      this.#accepted.set(document.uid, document)
  }

  /** One run of the agent for a machine; its report is written but not received yet. */
  work(machine: string, end: RunEnd): void {
    const document = this.#accepted.get(machine)
    if (!document || this.#isLost) return
    if (end === 'new') this.restartAgent()
    const [state, facts] = this.#run(document, end)
    this.#say(document, state, facts)
  }

  #run(document: DesiredDocument, end: RunEnd): [state: string, facts: ObservedFacts] {
    const machine = document.uid
    if (end === 'blind' || end === 'new') return ['failed', {}]
    if (document.tombstone) {
      if (end !== 'whole') return ['failed', {}]
      this.guests.delete(machine)
      this.#lists.forget(document)
      return ['gone', {}]
    }
    const guest = this.guests.get(machine)
    this.#lists.note(document, [...(guest?.volumes ?? [])])
    if (end === 'looked') return [guest ? 'failed' : 'refused', {}]
    const now = this.#converge(document as InstanceDocument, guest, end)
    this.guests.set(machine, now)
    if (end === 'changed') return ['failed', {}]
    return [now.isOn ? 'running' : 'stopped', { stages: ['ImageCached'], volumesAttached: [...now.volumes] }]
  }

  /** The agent restarts: accepted documents are on its disk and stay, lists of disks do not. */
  restartAgent(): void {
    this.#lists = new ListedVolumes()
  }

  /** All guests are off; their definitions stay. */
  reboot(): void {
    for (const guest of this.guests.values()) guest.isOn = false
    this.restartAgent()
  }

  /** The node is cut off for good: it runs nothing and reports nothing. */
  lose(): void {
    this.#isLost = true
    this.guests.clear()
  }

  #converge({ spec }: InstanceDocument, guest: Guest | undefined, end: RunEnd): Guest {
    const wanted = new Set(spec.volumes.map(({ uid }) => uid))
    const isOn = spec.runState === 'Running' || spec.runState === 'Paused'
    const isGuestSlow = end === 'slow' && isOn && guest?.isOn === true
    const kept = isGuestSlow ? [...guest.volumes].filter((uid) => !wanted.has(uid)) : []
    return { isOn, volumes: new Set([...wanted, ...kept]) }
  }

  #say(document: DesiredDocument, state: string, facts: ObservedFacts): void {
    const { uid, name, namespace, versions } = document
    const reports = this.said.get(uid) ?? []
    this.said.set(uid, reports)
    reports.push({
      v: CONTRACT_VERSION,
      kind: 'instance',
      uid,
      node: this.name,
      name,
      ...(namespace === undefined ? {} : { namespace }),
      versions,
      state,
      facts: state === 'gone' ? {} : this.#lists.complete(document, facts),
      bootId: 'boot-0001',
      since: '2026-01-01T00:00:00Z',
    })
  }
}
