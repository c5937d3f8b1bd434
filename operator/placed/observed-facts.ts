// SPDX-License-Identifier: Apache-2.0
// How facts are read from nodes' reports: the one place. A report that says nothing is not a report that says no (docs/decisions/0014).
import type { ObservedDocument, ObservedFacts } from '../../lib/contract/documents.ts'
import type { Versions } from '../../lib/contract/versions.ts'
import type { KubeObject } from '../../lib/kube/object.ts'
import type { WriterVersions } from './document-header.ts'

/**
 * `absent`: the node looked, under the document asked about or a later one, and it is not there. `unknown`: it was not heard, speaks of
 * an older document, or does not say; whoever reads that keeps what was known and decides nothing.
 */
export type Presence = 'present' | 'absent' | 'unknown'

/** The document that a report has to answer; terms do not matter, since a new leader sends what stands again. */
export type Asked = Pick<Versions, 'incarnation' | 'epoch' | 'generation'>

/** What a document of this object, as it is now, asks of the node that has it under this epoch. */
export function askedOf({ metadata }: KubeObject, epoch: number | undefined, writer: WriterVersions): Asked {
  return { incarnation: writer.incarnation, epoch: epoch ?? 0, generation: metadata.generation ?? 0 }
}

type Report = Pick<ObservedDocument, 'state' | 'versions' | 'facts'>

/** Is what was said under `said` said of the document asked about, or of a later one? Within another incarnation numbers mean nothing. */
function isAnswer(said: Asked, asked: Asked): boolean {
  if (said.incarnation !== asked.incarnation) return said.incarnation > asked.incarnation
  if (said.epoch !== asked.epoch) return said.epoch > asked.epoch
  return said.generation >= asked.generation
}

/** The report when it answers what was asked; undefined when nobody spoke, or of something older. */
export function answerOf<W extends Report>(report: W | undefined, asked: Asked): W | undefined {
  return report && isAnswer(report.versions, asked) ? report : undefined
}

/** A value that a report may leave out; undefined: not known. */
export function factOf<K extends keyof ObservedFacts>(
  report: Report | undefined,
  fact: K,
  asked: Asked,
): ObservedFacts[K] | undefined {
  return answerOf(report, asked)?.facts[fact]
}

/**
 * Does the machine have the volume in its hands? Only a list counts as a no, and only one that was made under the document asked about or
 * later: it may be older than its report. A list that names the volume counts however old it is.
 */
export function volumePresence(report: Report | undefined, volume: string, asked: Asked): Presence {
  if (!report) return 'unknown'
  if (report.state === 'gone') return isAnswer(report.versions, asked) ? 'absent' : 'unknown'
  const { volumesAttached: list, volumesListedFor: listed = report.versions } = report.facts
  if (list?.includes(volume)) return 'present'
  return list && isAnswer(listed, asked) ? 'absent' : 'unknown'
}

type Stage = NonNullable<ObservedFacts['stages']>[number]

/** Has the machine's node come so far? A report without stages is of a run that ended before it looked. */
export function stagePresence(report: Report | undefined, stage: Stage, asked: Asked): Presence {
  const stages = factOf(report, 'stages', asked)
  if (!stages) return 'unknown'
  return stages.includes(stage) ? 'present' : 'absent'
}

/** What a machine's state says of its power; a run that fails or still builds says nothing, and only what is off waits. */
export function powerPresence(report: Report | undefined, asked: Asked): Presence {
  const answer = answerOf(report, asked)
  if (!answer) return 'unknown'
  if (['running', 'paused', 'suspended'].includes(answer.state)) return 'present'
  return ['waiting', 'stopped', 'crashed', 'gone'].includes(answer.state) ? 'absent' : 'unknown'
}

/** Is the port in its node's switch, with its flows? See isPlugged of lib/contract/plugged-port.ts, which agents ask of themselves. */
export function plugPresence(report: Report | undefined, asked: Asked): Presence {
  const answer = answerOf(report, asked)
  if (!answer) return 'unknown'
  if (answer.state === 'active') return 'present'
  if (answer.state === 'gone' || answer.state === 'refused') return 'absent'
  const { ovnInstalled } = answer.facts
  if (answer.state !== 'plugging' || ovnInstalled === undefined) return 'unknown'
  return ovnInstalled ? 'present' : 'absent'
}
