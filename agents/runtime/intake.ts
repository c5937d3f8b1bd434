// SPDX-License-Identifier: Apache-2.0
// Which documents an agent accepts (invariants 4 and 6). Pure.
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { CONTRACT_VERSION, PresentDocument, Tombstone, type DesiredDocument } from '../../lib/contract/documents.ts'
import type { DocumentKey } from '../../lib/contract/subjects.ts'
import { Versions, judgeVersions } from '../../lib/contract/versions.ts'
import { compareWriters, type HighestWriter } from './document-store.ts'

export type Refusal = {
  reason: 'DocumentInvalid' | 'UnsupportedVersion' | 'StaleLeader' | 'StaleEpoch' | 'StaleGeneration'
  message: string
  versions?: Versions
}

export type Verdict =
  | { kind: 'accept'; document: DesiredDocument }
  /** Delivered again without a change: repeat the last report. */
  | { kind: 'same'; document: DesiredDocument }
  | { kind: 'refuse'; refusal: Refusal }

/** The part of an otherwise invalid document that can be read. */
const OfTombstone = z.object({ tombstone: z.literal(true) })
const WithMajorVersion = z.object({ v: z.number() })
const WithVersions = z.object({ versions: Versions })

/** @param key where it was stored: a document must belong there */
export function judgeDocument(
  key: DocumentKey,
  data: Uint8Array,
  held: DesiredDocument | undefined,
  highest: HighestWriter | undefined,
): Verdict {
  const read = readDocument(key, data)
  if ('reason' in read) return { kind: 'refuse', refusal: read }
  const { document } = read
  if (held && isDeepStrictEqual(held, document)) return { kind: 'same', document: held }
  const { versions } = document
  const verdict = judgeVersions(held?.versions, versions)
  if (!verdict.ok) return { kind: 'refuse', refusal: { reason: verdict.reason, message: verdict.message, versions } }
  // Once this node has heard from a leader's successor, the leader may send nothing new, for any object.
  if (highest && compareWriters(versions, highest) < 0) {
    const message = `term ${versions.term} of incarnation ${versions.incarnation} has ended; this node knows ${highest.incarnation}, ${highest.term}`
    return { kind: 'refuse', refusal: { reason: 'StaleLeader', message, versions } }
  }
  return { kind: 'accept', document }
}

function readDocument(key: DocumentKey, data: Uint8Array): { document: DesiredDocument } | Refusal {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(data).toString('utf8'))
  } catch {
    return { reason: 'DocumentInvalid', message: 'the document is not JSON' }
  }
  const version = majorVersion(value)
  if (version !== undefined && version !== CONTRACT_VERSION) {
    const message = `the document is of version ${version}, this agent understands ${CONTRACT_VERSION}: upgrade the agent`
    return { reason: 'UnsupportedVersion', message, ...versionsIn(value) }
  }
  // By one of the two schemas, so that the error names the field.
  const parsed = (isTombstone(value) ? Tombstone : PresentDocument).safeParse(value)
  if (!parsed.success) {
    const where = parsed.error.issues.slice(0, 3).map((issue) => issue.path.join('.') || 'document')
    return {
      reason: 'DocumentInvalid',
      message: `the document breaks the contract at ${where.join(', ')}`,
      ...versionsIn(value),
    }
  }
  const document = parsed.data
  // A machine's user data is deleted with the machine.
  if (document.tombstone) delete document.userDataBase64
  if (document.node !== key.node || document.kind !== key.kind || document.uid !== key.uid) {
    return { reason: 'DocumentInvalid', message: 'the document belongs under another key', versions: document.versions }
  }
  return { document }
}

function isTombstone(value: unknown): boolean {
  return OfTombstone.safeParse(value).success
}

function majorVersion(value: unknown): number | undefined {
  return WithMajorVersion.safeParse(value).data?.v
}

function versionsIn(value: unknown): { versions?: Versions } {
  return WithVersions.safeParse(value).data ?? {}
}
