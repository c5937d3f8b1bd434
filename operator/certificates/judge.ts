// SPDX-License-Identifier: Apache-2.0
// Whether the certificates and the key of a Secret can be used, whatever for. Whoever may write a Secret does not decide how long the operator is
// busy with it, nor does what passes here stop the daemon that is told of it.
import { createHash, type KeyObject, type X509Certificate } from 'node:crypto'
import { isDated, readCertificates, readKey } from './read-pem.ts'

/** What was read, and found to be in order: each of the chain is issued by the next one, and the key is that of the first. */
export interface Certificates {
  chain: readonly [X509Certificate, ...X509Certificate[]]
  key: KeyObject
  /** Of whom the other side's certificate has to be. */
  authorities: readonly X509Certificate[]
}

/** What certificates are for. */
export interface Usage<T> {
  /** OpenSSL's names of the curves that are taken, and what they are called in messages. */
  curves: ReadonlyMap<string, string>
  /** Of tls.crt, and of ca.crt; 0: ca.crt is of no importance. */
  mostInChain: number
  mostAuthorities: number
  /** @returns them as they are passed on, or what is wrong with them. Tells nothing of the key. */
  encode(certificates: Certificates): { ok: true; certificate: T } | { ok: false; message: string }
}

export type Verdict<T> = { ok: true; certificate: T } | { ok: false; reason: CertificateFault; message: string }
export type CertificateFault = 'CertificateInvalid' | 'CertificateExpired'

/** What was found of a content the last time: the same content is not looked at again. */
export interface Memory<T> {
  last?: { digest: string; content: Content<T> }
}
type Content<T> = { ok: true; certificate: T; dated: readonly Dated[] } | { ok: false; message: string }
interface Dated {
  /** For messages: which one it is. */
  name: string
  one: X509Certificate
}

const FILES = ['tls.crt', 'tls.key', 'ca.crt'] as const
/** What is longer is not even read. */
const MOST_BYTES: Readonly<Record<(typeof FILES)[number], number>> = {
  ...{ 'tls.crt': 65_536, 'tls.key': 16_384, 'ca.crt': 65_536 },
}

/**
 * Never throws. Nothing of the key is said.
 * @param data of a Secret of type kubernetes.io/tls: in base64
 * @param memory of this Secret and usage; it is written to
 */
export function judgeCertificates<T>(
  data: Readonly<Record<string, string>> | undefined,
  usage: Usage<T>,
  now: Date,
  memory: Memory<T> = {},
): Verdict<T> {
  const files = Object.fromEntries(FILES.map((name) => [name, Buffer.from(data?.[name] ?? '', 'base64')])) as Files
  if (usage.mostAuthorities === 0) files['ca.crt'] = Buffer.alloc(0)
  for (const name of FILES)
    if (files[name].length > MOST_BYTES[name])
      return invalid(`${name} has ${files[name].length} bytes, and at most ${MOST_BYTES[name]} are read`)
  const digest = digestOf(files)
  if (memory.last?.digest !== digest) memory.last = { digest, content: examine(files, usage) }
  const { content } = memory.last
  return content.ok ? judgeAt(content, now) : invalid(content.message)
}

type Files = Record<(typeof FILES)[number], Buffer>

function digestOf(files: Files): string {
  const hash = createHash('sha256')
  for (const name of FILES) hash.update(`${files[name].length}\n`).update(files[name])
  return hash.digest('hex')
}

/** All that does not change with time. */
function examine<T>(files: Files, usage: Usage<T>): Content<T> {
  try {
    return examineFiles(files, usage)
  } catch {
    // OpenSSL's words could tell of the key.
    return refused(`${FILES.join(', ')}: one of these has something that cannot be read: issue them anew`)
  }
}

function examineFiles<T>(files: Files, usage: Usage<T>): Content<T> {
  const chain = readCertificates(files['tls.crt'], 'tls.crt', usage.mostInChain)
  if (typeof chain === 'string') return refused(chain)
  const authorities =
    usage.mostAuthorities === 0 ? [] : readCertificates(files['ca.crt'], 'ca.crt', usage.mostAuthorities)
  if (typeof authorities === 'string') return refused(authorities)
  const key = readKey(files['tls.key'])
  if (typeof key === 'string') return refused(key)
  const [leaf, ...issuers] = chain
  if (!leaf?.checkPrivateKey(key))
    return refused(
      'tls.key does not belong to the first certificate in tls.crt: write both of the same issue, and the certificate before its chain',
    )
  const all = [...named(chain, 'tls.crt'), ...named(authorities, 'ca.crt')]
  // In this order: a signature is verified only once all keys are known to be of those with which that is quick.
  const fault =
    weakness(all, key, usage) ??
    say(all, ({ one }) => !isDated(one), 'has no dates that can be read: issue it anew') ??
    say(named(authorities, 'ca.crt'), ({ one }) => !one.ca, 'is no authority’s: write that of who issued the peer’s') ??
    disorder(chain)
  if (fault !== undefined) return refused(fault)
  const encoded = usage.encode({ chain: [leaf, ...issuers], key, authorities })
  return encoded.ok ? { ...encoded, dated: all } : refused(encoded.message)
}

function judgeAt<T>({ certificate, dated }: Extract<Content<T>, { ok: true }>, now: Date): Verdict<T> {
  const early = dated.find(({ one }) => one.validFromDate > now)
  if (early) return invalid(`${early.name} is not valid before ${early.one.validFromDate.toISOString()}`)
  const expired = dated.find(({ one }) => one.validToDate <= now)
  if (!expired) return { ok: true, certificate }
  const message = `${expired.name} expired at ${expired.one.validToDate.toISOString()}: renew it`
  return { ok: false, reason: 'CertificateExpired', message }
}

const LEAST_RSA_BITS = 2048
const MOST_RSA_BITS = 4096

/** What OpenSSL's security level 2, which Debian's HAProxy has, does not load; what is slow to verify; and what other sides do not take. */
function weakness(all: readonly Dated[], key: KeyObject, { curves }: Usage<unknown>): string | undefined {
  const good = `RSA with ${LEAST_RSA_BITS} to ${MOST_RSA_BITS} bits, ECDSA ${[...curves.values()].join(' and ')}`
  const isGood = ({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean => {
    const { modulusLength = 0, namedCurve = '' } = asymmetricKeyDetails ?? {}
    if (asymmetricKeyType === 'rsa') return modulusLength >= LEAST_RSA_BITS && modulusLength <= MOST_RSA_BITS
    return asymmetricKeyType === 'ec' && curves.has(namedCurve)
  }
  if (!isGood(key)) return `tls.key is none of ${good}`
  return (
    say(all, ({ one }) => !isGood(one.publicKey), `has a weak key, or one that is none of ${good}: issue it anew`) ??
    say(all, ({ one }) => isSignedWeakly(one), 'is signed with SHA-1 or MD5: issue it anew')
  )
}

function isSignedWeakly(certificate: X509Certificate): boolean {
  // A root's own signature is of no importance to anybody.
  const isRoot = certificate.checkIssued(certificate)
  return !isRoot && /sha-?1(?!\d)|md\d/i.test(certificate.signatureAlgorithm ?? '')
}

function disorder(chain: readonly X509Certificate[]): string | undefined {
  const at = chain.findIndex((one, i) => {
    const issuer = chain[i + 1]
    return issuer !== undefined && !(one.checkIssued(issuer) && one.verify(issuer.publicKey))
  })
  if (at === -1) return undefined
  return `certificate ${at + 2} in tls.crt did not issue certificate ${at + 1}: write the certificate first, and then each one's issuer`
}

function named(all: readonly X509Certificate[], file: string): Dated[] {
  return all.map((one, i) => ({ name: `certificate ${i + 1} in ${file}`, one }))
}

function say(all: readonly Dated[], isWrong: (one: Dated) => boolean, what: string): string | undefined {
  const wrong = all.find(isWrong)
  return wrong && `${wrong.name} ${what}`
}

function invalid(message: string): { ok: false; reason: CertificateFault; message: string } {
  return { ok: false, reason: 'CertificateInvalid', message }
}

function refused(message: string): { ok: false; message: string } {
  return { ok: false, message }
}
