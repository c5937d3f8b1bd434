// SPDX-License-Identifier: Apache-2.0
// A desired document as the bucket has it.
import { createHash } from 'node:crypto'
import { DesiredDocument, MAX_DOCUMENT_BYTES } from '../../lib/contract/documents.ts'
import type { Versions } from '../../lib/contract/versions.ts'
import { StaleWriterError, TerminalError } from '../../lib/errors.ts'

/** @throws TerminalError when no agent would take it */
export function encodeDocument(document: DesiredDocument): string {
  const { kind, name, node } = document
  const parsed = DesiredDocument.safeParse(document)
  if (!parsed.success) {
    throw new TerminalError('DocumentInvalid', `the document for ${kind} ${name} breaks the contract`, {
      cause: parsed.error,
    })
  }
  const data = JSON.stringify(document)
  if (Buffer.byteLength(data) > MAX_DOCUMENT_BYTES) {
    throw new TerminalError(
      'DocumentTooLarge',
      `what node ${node} must know of ${kind} ${name} is larger than 256 KiB: shorten its user data, metadata or rules`,
    )
  }
  return data
}

/** @returns undefined when it is none */
export function decodeDocument(data: Uint8Array): DesiredDocument | undefined {
  try {
    const parsed = DesiredDocument.safeParse(JSON.parse(Buffer.from(data).toString('utf8')))
    return parsed.success ? parsed.data : undefined
  } catch {
    return undefined
  }
}

/** The bucket knows more than we decide from: we are the stale one, or our resources went back in time. @throws StaleWriterError */
export function assertNotNewer(held: Versions, offered: Versions): void {
  const newer =
    held.incarnation > offered.incarnation || (held.incarnation === offered.incarnation && held.term > offered.term)
  if (newer) {
    throw new StaleWriterError(
      `the bus holds incarnation ${held.incarnation}, term ${held.term}; this process writes ${offered.incarnation}, ${offered.term}`,
    )
  }
}

/** Of all but the term, which alone is no reason to write; a node's own document tells it of each new leader. */
export function digestOf(document: DesiredDocument): string {
  const { term, ...versions } = document.versions
  const content = { ...document, versions: document.kind === 'node' ? { ...versions, term } : versions }
  return createHash('sha256').update(stableJson(content)).digest('base64')
}

/** JSON with sorted keys. */
function stableJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
