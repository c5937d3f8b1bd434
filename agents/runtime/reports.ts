// SPDX-License-Identifier: Apache-2.0
// What the runtime reports of each document: the last observation, refusals, and the standing facts that go with both.
import type { DesiredDocument, DocumentKind, ObservedDocument, ObservedFacts } from '../../lib/contract/documents.ts'
import { CONTRACT_VERSION } from '../../lib/contract/documents.ts'
import type { DocumentKey } from '../../lib/contract/subjects.ts'
import type { Versions } from '../../lib/contract/versions.ts'
import type { Clock } from '../../lib/time/clock.ts'
import type { Refusal } from './intake.ts'
import { ListedVolumes } from './listed-volumes.ts'
import { keyOf, type Observation } from './reconciler.ts'
import type { Reporter } from './reporter.ts'

export interface ReportsOptions {
  node: string
  bootId: string
  reporter: Reporter
  clock: Clock
}

type Named = DocumentKey & { namespace?: string | undefined; name: string; versions: Versions }

const NO_VERSIONS: Versions = { incarnation: 1, term: 0, epoch: 0, generation: 0 }

export class Reports {
  readonly #options: ReportsOptions
  readonly #observations = new Map<string, Observation>()
  readonly #refusals = new Map<string, Refusal>()
  readonly #volumes = new ListedVolumes()

  constructor(options: ReportsOptions) {
    this.#options = options
  }

  findObserved(key: string): Observation | undefined {
    return this.#observations.get(key)
  }

  /** @returns whether documents that depend on it should run again */
  observe(document: DesiredDocument, observation: Observation, standing: ObservedFacts | undefined): boolean {
    this.#observations.set(keyOf(document), observation)
    const facts = this.#factsOf(document, observation, standing)
    return this.#options.reporter.set(this.#toReport(document, { ...observation, facts }))
  }

  /** @returns false when the accepted document must run before its state can be reported */
  refuse(key: DocumentKey, refusal: Refusal, held: DesiredDocument | undefined): boolean {
    const { reporter } = this.#options
    this.#refusals.set(keyOf(key), refusal)
    const last = reporter.find(key)
    if (last) {
      reporter.set({ ...last, refused: refusal })
      return true
    }
    if (held) return false
    const nobody = { ...key, name: '', versions: refusal.versions ?? NO_VERSIONS }
    reporter.set(this.#toReport(nobody, { state: refusedStateOf(key.kind), facts: {} }))
    return true
  }

  /** A document was accepted under this key: earlier refusals no longer matter. */
  accepted(key: DocumentKey): void {
    this.#refusals.delete(keyOf(key))
  }

  repeat(key: DocumentKey): void {
    this.#options.reporter.repeat(key)
  }

  forget(document: DesiredDocument): void {
    this.#observations.delete(keyOf(document))
    this.#options.reporter.forget(document)
  }

  /** For a machine: the volumes that it has at present. */
  listed(document: DesiredDocument, volumes: readonly string[]): void {
    this.#volumes.note(document, volumes)
  }

  #factsOf(document: DesiredDocument, observation: Observation, standing: ObservedFacts | undefined): ObservedFacts {
    if (observation.state !== 'gone')
      return this.#volumes.complete(document, { ...this.#standing(document, standing), ...observation.facts })
    this.#volumes.forget(document)
    return observation.facts ?? {}
  }

  /** For a tombstone: the facts last reported for the document before it. */
  #standing(document: DesiredDocument, standing: ObservedFacts | undefined): ObservedFacts | undefined {
    if (!document.tombstone) return standing
    const nics = this.#options.reporter.find(document)?.facts.nics
    return nics && { nics }
  }

  #toReport(
    document: Named,
    { state, facts, error, progress }: Observation & { facts: ObservedFacts },
  ): ObservedDocument {
    const { node, bootId, clock } = this.#options
    const refused = this.#refusals.get(keyOf(document))
    return {
      v: CONTRACT_VERSION,
      kind: document.kind,
      uid: document.uid,
      node,
      versions: document.versions,
      state,
      facts,
      ...(document.namespace === undefined ? {} : { namespace: document.namespace }),
      name: document.name,
      ...(error ? { error } : {}),
      ...(progress === undefined ? {} : { progress }),
      ...(refused ? { refused } : {}),
      bootId,
      since: clock.now().toISOString(),
    }
  }
}

export function failedStateOf(kind: DocumentKind): Observation['state'] {
  return kind === 'node' ? 'degraded' : 'failed'
}

export function refusedStateOf(kind: DocumentKind): Observation['state'] {
  return kind === 'node' ? 'degraded' : 'refused'
}
