// SPDX-License-Identifier: Apache-2.0
// A desired document as the bucket has it.
import { hash } from 'node:crypto'
import { DesiredDocument, MAX_DOCUMENT_BYTES, type DocumentKind } from '../../lib/contract/documents.ts'
import type { Versions } from '../../lib/contract/versions.ts'
import { StaleWriterError, TerminalError } from '../../lib/errors.ts'

/** Of each kind what users can write less of. What is bounded in itself, such as a probe, comes nowhere near. */
const WHAT_TO_SHORTEN: Readonly<Record<DocumentKind, string>> = {
  node: 'write fewer storage pools, physical networks, allowedNetworks and dns.upstreams into Cloud, ProviderNetworks and ComputeNode',
  image: 'leave certificates that its server does not need out of its caBundle',
  imagecopy: 'make machines of it on fewer nodes',
  volume: 'attach it to machines of fewer nodes',
  port: 'write fewer fixedIPs, and fewer dnsNameservers on its Subnets',
  balancer:
    'write fewer hostnames and paths of rules, members or certificates, or spread its listeners over several LoadBalancers',
  vpn: 'write fewer peerCIDRs, or spread its VPNConnections over several VPNServices',
  probe: 'write shorter names',
  instance: 'shorten its user data or metadata',
}

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
      `what node ${node} must know of ${kind} ${name} is larger than 256 KiB: ${WHAT_TO_SHORTEN[kind]}`,
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
  return hash('sha256', stableJson(content), 'base64')
}

/** JSON with sorted keys. */
function stableJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
