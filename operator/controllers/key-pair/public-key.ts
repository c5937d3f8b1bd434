// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto'
import { TerminalError } from '../../../lib/errors.ts'

export interface PublicKeyInfo {
  type: string
  /** `SHA256:…`, as `ssh-keygen -l` prints it. */
  fingerprint: string
}

/** Fields of the key blob behind its type, by type: https://www.rfc-editor.org/rfc/rfc4253#section-6.6, RFC 5656 section 3.1, RFC 8709. */
const BLOB_FIELDS: Readonly<Record<string, number>> = {
  'ssh-rsa': 2,
  'ssh-ed25519': 1,
  'ecdsa-sha2-nistp256': 2,
  'ecdsa-sha2-nistp384': 2,
  'ecdsa-sha2-nistp521': 2,
  'sk-ssh-ed25519@openssh.com': 2,
  'sk-ecdsa-sha2-nistp256@openssh.com': 3,
}

const ED25519_BYTES = 32
const MIN_RSA_BITS = 1024

/**
 * Reads one line of an authorized_keys file (type, base64, comment), whose blob must be a whole key of the type that stands before it.
 * @throws TerminalError `InvalidPublicKey`
 */
export function parsePublicKey(line: string): PublicKeyInfo {
  const [type = '', encoded = ''] = line.trim().split(/[ \t]+/)
  const fields = Object.hasOwn(BLOB_FIELDS, type) ? BLOB_FIELDS[type] : undefined
  if (fields === undefined) throw invalid(`has the unknown type ${JSON.stringify(type.slice(0, 64))}`)
  const blob = Buffer.from(encoded, 'base64')
  if (blob.toString('base64').replace(/=+$/, '') !== encoded.replace(/=+$/, ''))
    throw invalid('is not base64 behind its type')
  const [inner, ...parts] = readStrings(blob)
  if (inner?.toString('latin1') !== type) throw invalid(`says ${type}, but its data is another type`)
  if (parts.length !== fields) throw invalid('is cut off or has something behind it')
  if (type === 'ssh-ed25519' && parts[0]?.length !== ED25519_BYTES) throw invalid('is not 32 bytes long')
  if (type === 'ssh-rsa' && (parts[1]?.length ?? 0) * 8 < MIN_RSA_BITS)
    throw invalid(`is shorter than ${MIN_RSA_BITS} bits`)
  const digest = createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')
  return { type, fingerprint: `SHA256:${digest}` }
}

/** As guests get it: one blank between its parts, whatever blanks and line end it was written with. */
export function toKeyLine(publicKey: string): string {
  return publicKey
    .trim()
    .replace(/^(\S+)[ \t]+(\S+)(?:[ \t]+(.*))?$/, (_, type: string, key: string, comment?: string) =>
      [type, key, ...(comment ? [comment] : [])].join(' '),
    )
}

/** Strings as in RFC 4251 section 5: a 32-bit length and so many bytes. */
function readStrings(blob: Buffer): Buffer[] {
  const strings: Buffer[] = []
  for (let at = 0; at < blob.length;) {
    if (at + 4 > blob.length) throw invalid('is cut off')
    const length = blob.readUInt32BE(at)
    if (at + 4 + length > blob.length) throw invalid('is cut off')
    strings.push(blob.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  return strings
}

function invalid(what: string): TerminalError {
  return new TerminalError('InvalidPublicKey', `spec.publicKey ${what}: write the one line of a .pub file`)
}
