// SPDX-License-Identifier: Apache-2.0
// Whether a certificate and its key can be shown to clients. What passes here HAProxy takes: one that it refused would keep it from every other change.
import { createHash, createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { MOST_CHAIN_CHARACTERS, MOST_KEY_CHARACTERS } from '../../lib/contract/documents.ts'

export interface TlsCertificate {
  /** PEM of nothing but certificates: the one that is shown, and then each one's issuer. */
  chain: string
  /** PKCS #8 in PEM; a secret. */
  key: string
}

export type Verdict =
  { ok: true; certificate: TlsCertificate } | { ok: false; reason: CertificateFault; message: string }
export type CertificateFault = 'CertificateInvalid' | 'CertificateExpired'

/** What was found of a content the last time: the same content is not looked at again. */
export interface Memory {
  last?: { digest: string; content: Content }
}
type Content =
  { ok: true; certificate: TlsCertificate; chain: readonly X509Certificate[] } | { ok: false; message: string }

/** What is longer is not even read: whoever may write a Secret does not decide how long the operator is busy with it. */
const MOST_BYTES = { 'tls.crt': 65_536, 'tls.key': 16_384 }
const MOST_BLOCKS = 16

/** Never throws. Nothing of the key is said. @param memory of this Secret; it is written to */
export function judgeCertificate(tlsCrt: Buffer, tlsKey: Buffer, now: Date, memory: Memory = {}): Verdict {
  for (const [name, bytes] of [['tls.crt', tlsCrt] as const, ['tls.key', tlsKey] as const])
    if (bytes.length > MOST_BYTES[name])
      return invalid(`${name} has ${bytes.length} bytes, and at most ${MOST_BYTES[name]} are read`)
  const digest = createHash('sha256').update(`${tlsCrt.length}\n`).update(tlsCrt).update(tlsKey).digest('hex')
  if (memory.last?.digest !== digest) memory.last = { digest, content: examine(tlsCrt, tlsKey) }
  const { content } = memory.last
  return content.ok ? judgeAt(content, now) : invalid(content.message)
}

/** All that does not change with time. */
function examine(tlsCrt: Buffer, tlsKey: Buffer): Content {
  try {
    return examineChain(tlsCrt, tlsKey)
  } catch {
    // OpenSSL's words could tell of the key.
    return refused('tls.crt or tls.key has something that cannot be read: issue both anew')
  }
}

function examineChain(tlsCrt: Buffer, tlsKey: Buffer): Content {
  const blocks = tlsCrt.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0) return refused('tls.crt has no certificate in PEM: write the certificate and its chain')
  if (blocks.length > MOST_BLOCKS)
    return refused(
      `tls.crt has ${blocks.length} certificates, and at most ${MOST_BLOCKS} are read: write the certificate and its chain alone`,
    )
  const chain: X509Certificate[] = []
  for (const [i, block] of blocks.entries()) {
    const certificate = parse(block)
    if (!certificate) return refused(`certificate ${i + 1} in tls.crt cannot be read`)
    chain.push(certificate)
  }
  const key = readKey(tlsKey)
  if (typeof key === 'string') return refused(key)
  const [leaf] = chain
  if (!leaf?.checkPrivateKey(key))
    return refused(
      'tls.key does not belong to the first certificate in tls.crt: write both of the same issue, and the certificate before its chain',
    )
  // In this order: a signature is verified only once all keys are known to be of those with which that is quick.
  const fault = weakness(chain, key) ?? undated(chain) ?? disorder(chain)
  if (fault !== undefined) return refused(fault)
  const text = chain.map((one) => one.toString()).join('')
  const pem = key.export({ type: 'pkcs8', format: 'pem' }).toString()
  if (text.length > MOST_CHAIN_CHARACTERS)
    return refused(
      `tls.crt has ${text.length} characters, and at most ${MOST_CHAIN_CHARACTERS} are possible: leave out the root, or spread the names over several certificates`,
    )
  if (pem.length > MOST_KEY_CHARACTERS) return refused('tls.key is longer than an RSA key of 4096 bits')
  return { ok: true, certificate: { chain: text, key: pem }, chain }
}

function judgeAt({ certificate, chain }: Extract<Content, { ok: true }>, now: Date): Verdict {
  const fault = early(chain, now)
  if (fault !== undefined) return invalid(fault)
  const expired = chain.find(({ validToDate }) => validToDate <= now)
  if (expired) {
    const message = `${nameOf(expired, chain)} in tls.crt expired at ${expired.validToDate.toISOString()}: renew it`
    return { ok: false, reason: 'CertificateExpired', message }
  }
  return { ok: true, certificate }
}

export interface CertificateFacts {
  notBefore: Date
  /** When the first of the chain expires. */
  notAfter: Date
  /** SHA-256, in hex. */
  fingerprint: string
  dnsNames: readonly string[]
}

/** RFC 1035: more is no name, and the status has no room for it. */
const MOST_NAME_CHARACTERS = 253

/** Of a chain that was judged good. Pure. @throws when it was not: one that cannot be read, or has a date that is none */
export function factsOf(chain: string): CertificateFacts {
  const all = (chain.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []).map(
    (block) => new X509Certificate(block),
  )
  const [leaf] = all
  if (!leaf) throw new Error('a chain without a certificate')
  const ends = all.map(({ validToDate }) => validToDate.getTime())
  if (!all.every(isDated)) throw new Error('a certificate without dates')
  const names = [...(leaf.subjectAltName ?? '').matchAll(/DNS:([^\s,"]+)/g)].map(([, name = '']) => name)
  return {
    ...{ notBefore: leaf.validFromDate, notAfter: new Date(Math.min(...ends)) },
    fingerprint: leaf.fingerprint256.replaceAll(':', '').toLowerCase(),
    dnsNames: [...new Set(names)].filter(({ length }) => length <= MOST_NAME_CHARACTERS),
  }
}

function parse(block: string): X509Certificate | undefined {
  try {
    return new X509Certificate(block)
  } catch {
    return undefined
  }
}

/** @returns the key, or what is wrong with it */
function readKey(tlsKey: Buffer): KeyObject | string {
  // RFC 5958 and RFC 1421.
  if (/BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED/.test(tlsKey.toString('latin1')))
    return 'tls.key is encrypted: write it without a passphrase'
  try {
    return createPrivateKey(tlsKey)
  } catch {
    return 'tls.key is no private key in PEM'
  }
}

const CURVES = ['prime256v1', 'secp384r1']
const LEAST_RSA_BITS = 2048
const MOST_RSA_BITS = 4096
const GOOD_KEYS = `RSA with ${LEAST_RSA_BITS} to ${MOST_RSA_BITS} bits, ECDSA P-256 and P-384`

/** What OpenSSL's security level 2, which Debian's HAProxy has, does not load; and keys that clients do not take. */
function weakness(chain: readonly X509Certificate[], key: KeyObject): string | undefined {
  if (!isGoodKey(key)) return `tls.key is none of ${GOOD_KEYS}`
  const other = chain.find((one) => !isGoodKey(one.publicKey))
  if (other)
    return `${nameOf(other, chain)} in tls.crt has a weak key, or one that is none of ${GOOD_KEYS}: issue it anew`
  const weak = chain.find(isSignedWeakly)
  return weak && `${nameOf(weak, chain)} in tls.crt is signed with SHA-1 or MD5: issue it anew`
}

function isGoodKey({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  const { modulusLength = 0, namedCurve = '' } = asymmetricKeyDetails ?? {}
  if (asymmetricKeyType === 'rsa') return modulusLength >= LEAST_RSA_BITS && modulusLength <= MOST_RSA_BITS
  return asymmetricKeyType === 'ec' && CURVES.includes(namedCurve)
}

function isSignedWeakly(certificate: X509Certificate): boolean {
  // A root's own signature is of no importance to anybody.
  const isRoot = certificate.checkIssued(certificate)
  return !isRoot && /sha-?1(?!\d)|md\d/i.test(certificate.signatureAlgorithm ?? '')
}

function undated(chain: readonly X509Certificate[]): string | undefined {
  const one = chain.find((some) => !isDated(some))
  return one && `${nameOf(one, chain)} in tls.crt has no dates that can be read: issue it anew`
}

/**
 * OpenSSL reads certificates whose dates are none, such as of a 13th month. Of these Node's `validToDate` is whatever lay in memory: the text says it.
 */
function isDated({ validFrom, validTo, validFromDate, validToDate }: X509Certificate): boolean {
  return [Date.parse(validFrom), Date.parse(validTo), validFromDate.getTime(), validToDate.getTime()].every(
    Number.isFinite,
  )
}

function disorder(chain: readonly X509Certificate[]): string | undefined {
  const at = chain.findIndex((one, i) => {
    const issuer = chain[i + 1]
    return issuer !== undefined && !(one.checkIssued(issuer) && one.verify(issuer.publicKey))
  })
  if (at === -1) return undefined
  return `certificate ${at + 2} in tls.crt did not issue certificate ${at + 1}: write the certificate first, and then each one's issuer`
}

function early(chain: readonly X509Certificate[], now: Date): string | undefined {
  const one = chain.find(({ validFromDate }) => validFromDate > now)
  return one && `${nameOf(one, chain)} in tls.crt is not valid before ${one.validFromDate.toISOString()}`
}

function nameOf(one: X509Certificate, chain: readonly X509Certificate[]): string {
  return `certificate ${chain.indexOf(one) + 1}`
}

function invalid(message: string): Verdict {
  return { ok: false, reason: 'CertificateInvalid', message }
}

function refused(message: string): Content {
  return { ok: false, message }
}
