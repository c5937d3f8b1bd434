// SPDX-License-Identifier: Apache-2.0
// The one place where facts are read from nodes' reports. A report that does not say is not one that says no (docs/decisions/0014).
import type { ObservedDocument, ObservedFacts } from '../../lib/contract/documents.ts'
import type { Versions } from '../../lib/contract/versions.ts'
import type { KubeObject } from '../../lib/kube/object.ts'
import type { WriterVersions } from './document-header.ts'

/**
 * `absent`: the node looked, under the document asked about or a later one, and did not find it. `unknown`: there is no report, or it is
 * about an older document, or it does not say; then keep what was known and decide nothing.
 */
export type Presence = 'present' | 'absent' | 'unknown'

/** The document that a report must answer. Terms do not matter, since a new leader publishes the same documents again. */
export type Asked = Pick<Versions, 'incarnation' | 'epoch' | 'generation'>

/** The versions of the object's current document for the node that has it under this epoch. */
export function askedOf({ metadata }: KubeObject, epoch: number | undefined, writer: WriterVersions): Asked {
  return { incarnation: writer.incarnation, epoch: epoch ?? 0, generation: metadata.generation ?? 0 }
}

type Report = Pick<ObservedDocument, 'state' | 'versions' | 'facts'>

/** Does `said` answer the document asked about, or a later one? Epochs and generations compare only within one incarnation. */
function isAnswer(said: Asked, asked: Asked): boolean {
  if (said.incarnation !== asked.incarnation) return said.incarnation > asked.incarnation
  if (said.epoch !== asked.epoch) return said.epoch > asked.epoch
  return said.generation >= asked.generation
}

/** The report if it answers what was asked; undefined if there is none or it answers something older. */
export function answerOf<W extends Report>(report: W | undefined, asked: Asked): W | undefined {
  return report && isAnswer(report.versions, asked) ? report : undefined
}

/** A fact that a report may leave out; undefined: not known. */
export function factOf<K extends keyof ObservedFacts>(
  report: Report | undefined,
  fact: K,
  asked: Asked,
): ObservedFacts[K] | undefined {
  return answerOf(report, asked)?.facts[fact]
}

/**
 * Does the machine have the volume in hand? Only a list of disks counts as a no, and only one made under the document asked about or a
 * later one: the list may be older than its report. A list with the volume counts however old it is.
 */
export function volumePresence(report: Report | undefined, volume: string, asked: Asked): Presence {
  if (!report) return 'unknown'
  if (report.state === 'gone') return isAnswer(report.versions, asked) ? 'absent' : 'unknown'
  const { volumesAttached: list, volumesListedFor: listed = report.versions } = report.facts
  if (list?.includes(volume)) return 'present'
  return list && isAnswer(listed, asked) ? 'absent' : 'unknown'
}

/** Does the machine have the port's interface? Only a list made under the document asked about, or a later one, says no. */
export function portPresence(report: Report | undefined, port: string, asked: Asked): Presence {
  if (report?.state === 'gone') return isAnswer(report.versions, asked) ? 'absent' : 'unknown'
  if (report?.facts.portsAttached?.includes(port)) return 'present'
  return factOf(report, 'portsAttached', asked) ? 'absent' : 'unknown'
}

/** Is the machine's image on the node? A report without stages is from a run that ended before it looked. */
export function imagePresence(report: Report | undefined, asked: Asked): Presence {
  const stages = factOf(report, 'stages', asked)
  if (!stages) return 'unknown'
  return stages.includes('ImageCached') ? 'present' : 'absent'
}

/** Whether a machine is on, by its reported state. A failed or building run does not say; `waiting` is reported only of one that is off. */
export function powerPresence(report: Report | undefined, asked: Asked): Presence {
  const answer = answerOf(report, asked)
  if (!answer) return 'unknown'
  if (['running', 'paused', 'suspended'].includes(answer.state)) return 'present'
  return ['waiting', 'stopped', 'crashed', 'gone'].includes(answer.state) ? 'absent' : 'unknown'
}

/**
 * Is the port in its node's switch, with its flows? A tap port is `active` then. A vhost-user port becomes active only once the guest's
 * driver connects, which depends on the guest and its reboots and is no part of attaching the port.
 */
export function plugPresence(report: Report | undefined, asked: Asked): Presence {
  const answer = answerOf(report, asked)
  if (!answer) return 'unknown'
  if (answer.state === 'active') return 'present'
  if (answer.state === 'gone' || answer.state === 'refused') return 'absent'
  const { ovnInstalled } = answer.facts
  if (answer.state !== 'plugging' || ovnInstalled === undefined) return 'unknown'
  return ovnInstalled ? 'present' : 'absent'
}
