// SPDX-License-Identifier: Apache-2.0
// Whether a Secret of type kubernetes.io/tls is one by which a VPN can prove itself, and what its certificate says. Pure.
import { createHash, createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { isIP } from 'node:net'
import { isIdentity, isSubject, MOST_CERTIFICATE_CHARACTERS, VpnCertificate } from '../../lib/contract/vpn.ts'
import { found, type Found } from '../kind/found.ts'
import { lacking } from './lacking.ts'

/** Bigger ones cost charon too much for each proof. */
const RSA_BITS = { least: 2048, most: 4096 }
const CURVES = ['prime256v1', 'secp384r1', 'secp521r1']
const MOST_CHARACTERS = 65_536
const MOST_CHAIN = 4

/** As whom we are to prove ourselves, as far as it was written, and what peers call us by. */
export interface OwnNames {
  localID: string | undefined
  externalIP: string
}

interface Files {
  crt: string
  key: string
  ca: string
}

/**
 * @param data of the Secret, in base64
 * @param what the Secret, for messages: which tell nothing of the private key
 */
export function judgeCertificate(
  data: Readonly<Record<string, string>> | undefined,
  names: OwnNames,
  { what, now }: { what: string; now: Date },
): Found<VpnCertificate> {
  const text = (key: string) => Buffer.from(data?.[key] ?? '', 'base64').toString('latin1')
  const files: Files = { crt: text('tls.crt'), key: text('tls.key'), ca: text('ca.crt') }
  const wrong = (why: string) => lacking('CertificateInvalid', `${what}: ${why}`)
  if (Object.values(files).some(({ length }) => length > MOST_CHARACTERS))
    return wrong('it is too big for certificates and a key')
  const chain = readCertificates(files.crt)
  const authorities = readCertificates(files.ca)
  const [own] = chain ?? []
  if (!chain || !own || chain.length > MOST_CHAIN)
    return wrong(`tls.crt has to have our certificate, and ${MOST_CHAIN - 1} of authorities between at most, as PEM`)
  if (!authorities || authorities.length === 0 || authorities.length > MOST_CHAIN)
    return wrong(`ca.crt has to have the certificate of the peer's authority, ${MOST_CHAIN} at most, as PEM`)
  if (!authorities.every(({ ca }) => ca)) return wrong('ca.crt has a certificate that is no authority’s')
  const key = readKey(files.key)
  if (!key) return wrong('tls.key has to have a private key without a passphrase, as PEM')
  if (!own.checkPrivateKey(key)) return wrong('tls.key is not the key of the first certificate in tls.crt')
  if (![own, ...authorities].every(({ publicKey }) => isUsable(publicKey)))
    return wrong(`keys are RSA of ${RSA_BITS.least} to ${RSA_BITS.most} bits, or on the curves P-256, P-384 or P-521`)
  const expired = findExpired(
    [...chain.map((one) => [one, 'tls.crt'] as const), ...authorities.map((one) => [one, 'ca.crt'] as const)],
    now,
  )
  if (expired) return lacking('CertificateExpired', `${what}: ${expired}`)
  const early = chain.find(({ validFrom }) => new Date(validFrom) > now)
  if (early) return wrong(`tls.crt is valid from ${new Date(early.validFrom).toISOString()} on`)
  const named = judgeNames(own, names, what)
  if (!named.ok) return named
  return toContract({ chain, key, authorities }, wrong)
}

function toContract(
  { chain, key, authorities }: { chain: X509Certificate[]; key: KeyObject; authorities: X509Certificate[] },
  wrong: (why: string) => ReturnType<typeof lacking>,
): Found<VpnCertificate> {
  const parsed = VpnCertificate.safeParse({
    chain: chain.map(toBase64),
    privateKey: key.export({ type: 'pkcs8', format: 'der' }).toString('base64'),
    authorities: authorities.map(toBase64),
  })
  const size = parsed.success ? JSON.stringify(parsed.data).length : Infinity
  if (!parsed.success || size > MOST_CERTIFICATE_CHARACTERS)
    return wrong('its certificates are too big: leave out authorities that nobody needs, and names')
  return found(parsed.data)
}

function toBase64({ raw }: X509Certificate): string {
  return raw.toString('base64')
}

/** Undefined: one of them is none. */
function readCertificates(pem: string): X509Certificate[] | undefined {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g) ?? []
  try {
    return blocks.map((block) => new X509Certificate(block))
  } catch {
    return undefined
  }
}

function readKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey({ key: pem, format: 'pem' })
  } catch {
    return undefined
  }
}

function isUsable({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  const { modulusLength = 0, namedCurve = '' } = asymmetricKeyDetails ?? {}
  if (asymmetricKeyType === 'rsa') return modulusLength >= RSA_BITS.least && modulusLength <= RSA_BITS.most
  return asymmetricKeyType === 'ec' && CURVES.includes(namedCurve)
}

function findExpired(all: readonly (readonly [X509Certificate, string])[], now: Date): string | undefined {
  const found = all.find(([{ validTo }]) => new Date(validTo) <= now)
  return found && `${found[1]} has expired on ${new Date(found[0].validTo).toISOString()}: renew it`
}

function judgeNames(own: X509Certificate, { localID, externalIP }: OwnNames, what: string): Found<string> {
  const chosen = localID ?? namesOf(own, externalIP)[0]
  if (chosen !== undefined && isNamed(own, chosen)) return found(chosen)
  const names = namesOf(own, externalIP)
  const help =
    names.length === 0
      ? 'give the certificate a DNS name, an e-mail address or an IP address as alternative name'
      : `write one that it has (${names.slice(0, 4).join('; ')}), or give it another certificate`
  const message = `${what}: tls.crt is of nobody who is called ${chosen ?? externalIP}, our localID: ${help}`
  return lacking('CertificateInvalid', message)
}

/** As whom we prove ourselves: what was written, or the first name of the certificate. */
export function localNameOf(
  { chain: [own = ''] }: Pick<VpnCertificate, 'chain'>,
  { localID, externalIP }: OwnNames,
): string {
  return localID ?? namesOf(new X509Certificate(Buffer.from(own, 'base64')), externalIP)[0] ?? externalIP
}

/** What peers can know it by, the best first: our address, its alternative names, its subject. */
function namesOf(own: X509Certificate, externalIP: string): string[] {
  const alternatives = (own.subjectAltName ?? '').split(', ').flatMap((entry) => {
    const [, type, name] = /^(DNS|email|IP Address):([^"]+)$/.exec(entry) ?? []
    return name !== undefined && isIdentity(name) && (type === 'IP Address') === (isIP(name) !== 0) ? name : []
  })
  const subject = subjectOf(own)
  const all = [...alternatives, ...(isSubject(subject) && isIdentity(subject) ? [subject] : [])]
  return alternatives.includes(externalIP) ? [externalIP, ...all.filter((name) => name !== externalIP)] : all
}

function isNamed(own: X509Certificate, identity: string): boolean {
  if (isIP(identity) !== 0) return own.checkIP(identity) !== undefined
  if (isSubject(identity)) return subjectOf(own) === identity
  if (identity.includes('@')) return own.checkEmail(identity, { subject: 'never' }) !== undefined
  return own.checkHost(identity, { subject: 'never', wildcards: false }) !== undefined
}

/** As charon and we write it, in the order of the certificate. */
function subjectOf({ subject }: X509Certificate): string {
  return (subject ?? '').split('\n').join(', ')
}

/** For people. */
export function describeCertificate({ chain: [own = ''] }: Pick<VpnCertificate, 'chain'>): {
  subject: string
  issuer: string
  notAfter: string
} {
  const certificate = new X509Certificate(Buffer.from(own, 'base64'))
  const clean = (text: string) => text.split('\n').join(', ').slice(0, 512)
  return {
    subject: clean(certificate.subject ?? ''),
    issuer: clean(certificate.issuer ?? ''),
    notAfter: new Date(certificate.validTo).toISOString(),
  }
}

/** By which connections of one node share it. */
export function fingerprintOf(certificate: VpnCertificate): string {
  return createHash('sha256').update(JSON.stringify(certificate)).digest('hex')
}
