// SPDX-License-Identifier: Apache-2.0
// Whether a certificate and its key can be shown to clients. What passes here HAProxy takes: one that it refused would keep it from every other change.
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
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

/** Pure. Nothing of the key is said. */
export function judgeCertificate(tlsCrt: Buffer, tlsKey: Buffer, now: Date): Verdict {
  const blocks = tlsCrt.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0) return invalid('tls.crt has no certificate in PEM: write the certificate and its chain')
  const chain: X509Certificate[] = []
  for (const [i, block] of blocks.entries()) {
    const certificate = parse(block)
    if (!certificate) return invalid(`certificate ${i + 1} in tls.crt cannot be read`)
    chain.push(certificate)
  }
  const key = readKey(tlsKey)
  if (typeof key === 'string') return invalid(key)
  const [leaf] = chain
  if (!leaf?.checkPrivateKey(key))
    return invalid(
      'tls.key does not belong to the first certificate in tls.crt: write both of the same issue, and the certificate before its chain',
    )
  const fault = weakness(chain, key) ?? disorder(chain) ?? early(chain, now)
  if (fault !== undefined) return invalid(fault)
  const text = chain.map((one) => one.toString()).join('')
  const pem = key.export({ type: 'pkcs8', format: 'pem' }).toString()
  if (text.length > MOST_CHAIN_CHARACTERS)
    return invalid(
      `tls.crt has ${text.length} characters, and at most ${MOST_CHAIN_CHARACTERS} are possible: leave out the root, or spread the names over several certificates`,
    )
  if (pem.length > MOST_KEY_CHARACTERS) return invalid('tls.key is longer than an RSA key of 4096 bits')
  const expired = chain.find(({ validToDate }) => validToDate <= now)
  if (expired) {
    const message = `${nameOf(expired, chain)} in tls.crt expired at ${expired.validToDate.toISOString()}: renew it`
    return { ok: false, reason: 'CertificateExpired', message }
  }
  return { ok: true, certificate: { chain: text, key: pem } }
}

export interface CertificateFacts {
  notBefore: Date
  /** When the first of the chain expires. */
  notAfter: Date
  /** SHA-256, in hex. */
  fingerprint: string
  dnsNames: readonly string[]
}

/** Of a chain that was judged good. Pure. */
export function factsOf(chain: string): CertificateFacts {
  const all = (chain.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []).map(
    (block) => new X509Certificate(block),
  )
  const [leaf] = all
  if (!leaf) throw new Error('a chain without a certificate')
  const ends = all.map(({ validToDate }) => validToDate.getTime())
  const names = [...(leaf.subjectAltName ?? '').matchAll(/DNS:([^\s,"]+)/g)].map(([, name = '']) => name)
  return {
    ...{ notBefore: leaf.validFromDate, notAfter: new Date(Math.min(...ends)) },
    fingerprint: leaf.fingerprint256.replaceAll(':', '').toLowerCase(),
    dnsNames: [...new Set(names)],
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

/** What OpenSSL's security level 2, which Debian's HAProxy has, does not load; and keys that clients do not take. */
function weakness(chain: readonly X509Certificate[], key: KeyObject): string | undefined {
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {}
  const isGood =
    (key.asymmetricKeyType === 'rsa' && modulusLength >= LEAST_RSA_BITS) ||
    (key.asymmetricKeyType === 'ec' && CURVES.includes(namedCurve))
  if (!isGood) return `tls.key is none of RSA with at least ${LEAST_RSA_BITS} bits, ECDSA P-256 and P-384`
  const weak = chain.find(isWeak)
  return weak && `${nameOf(weak, chain)} in tls.crt has a weak key, or is signed with SHA-1 or MD5: issue it anew`
}

function isWeak(certificate: X509Certificate): boolean {
  const { asymmetricKeyType, asymmetricKeyDetails } = certificate.publicKey
  const isShort = asymmetricKeyType === 'rsa' && (asymmetricKeyDetails?.modulusLength ?? 0) < LEAST_RSA_BITS
  // A root's own signature is of no importance to anybody.
  const isRoot = certificate.checkIssued(certificate)
  return isShort || (!isRoot && /sha-?1(?!\d)|md5/i.test(certificate.signatureAlgorithm ?? ''))
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
