// SPDX-License-Identifier: Apache-2.0
// The cloud's certificate authority (docs/decisions/0003): signs nodes for OVN, NBD and migration, and the servers of the control plane.
import 'reflect-metadata'
import { randomBytes, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import type { PublicKey } from '@peculiar/x509'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralNames,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { TerminalError } from '../errors.ts'
import { KEY_ALGORITHM, SIGNATURE_ALGORITHM, exportPrivateKey, importPrivateKey } from './key.ts'

/** Both PEM, as in a Secret of type kubernetes.io/tls. */
export interface AuthorityFiles {
  certificate: string
  privateKey: string
}

export interface Authority {
  readonly certificate: X509Certificate
  readonly privateKey: webcrypto.CryptoKey
}

const DAY_MS = 24 * 3600 * 1000
/** Clocks of nodes may be a little behind. Of a short life only a fraction: otherwise it would be due for renewal when it is issued. */
const BACKDATE_MS = 5 * 60 * 1000
const BACKDATED_PART = 1 / 10

export async function createAuthority(commonName: string, days: number, now: Date): Promise<AuthorityFiles> {
  const keys = await webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify'])
  const certificate = await signSelf(keys, new Name([{ CN: [commonName] }]).toString(), days, now)
  return { certificate: certificate.toString('pem'), privateKey: await exportPrivateKey(keys.privateKey) }
}

/**
 * The same authority for longer: a new certificate of the same key and name, so that whoever has either of the two trusts what was signed
 * under the other.
 * @returns undefined: a higher authority has signed it, and alone can renew it
 * @throws when the key is another's
 */
export async function renewAuthority(
  { certificate, privateKey }: Authority,
  days: number,
  now: Date,
): Promise<AuthorityFiles | undefined> {
  if (!(await certificate.isSelfSigned(webcrypto))) return undefined
  const publicKey = await webcrypto.subtle.importKey('spki', certificate.publicKey.rawData, KEY_ALGORITHM, true, [
    'verify',
  ])
  const renewed = await signSelf({ privateKey, publicKey }, certificate.subject, days, now)
  if (!(await renewed.isSelfSigned(webcrypto)))
    throw new Error(`the key beside the certificate of ${certificate.subject} is another's`)
  return { certificate: renewed.toString('pem'), privateKey: await exportPrivateKey(privateKey) }
}

async function signSelf(
  keys: webcrypto.CryptoKeyPair,
  name: string,
  days: number,
  now: Date,
): Promise<X509Certificate> {
  return X509CertificateGenerator.createSelfSigned({
    serialNumber: createSerial(),
    name,
    notBefore: new Date(now.getTime() - BACKDATE_MS),
    notAfter: new Date(now.getTime() + days * DAY_MS),
    signingAlgorithm: SIGNATURE_ALGORITHM,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
}

/** @throws when either is not PEM of its kind */
export async function loadAuthority(files: AuthorityFiles): Promise<Authority> {
  return { certificate: new X509Certificate(files.certificate), privateKey: await importPrivateKey(files.privateKey) }
}

export interface Subject {
  commonName: string
  /** A second attribute of the name, OU: distinguishes two keys of one node in a list of permitted names. */
  unit?: string
  /** DNS names and addresses, distinguished by their form. */
  names: readonly string[]
}

export interface Signature {
  /** May be a fraction. Limited by the authority's own end, which `Infinity` stands for. */
  days: number
  now: Date
  /** For one end of a connection alone; absent: both. */
  usage?: 'client' | 'server'
}

export interface SigningOptions extends Signature {
  authority: Authority
}

/**
 * Signs the key of a PKCS #10 request for `subject`, whatever names the request itself asks for: the caller has verified the subject.
 * @returns PEM
 * @throws TerminalError `CertificateRequestInvalid` when it is not a request, not signed by its own key, or its key is weak
 */
export async function signRequest(requestPem: string, subject: Subject, options: SigningOptions): Promise<string> {
  const request = parseRequest(requestPem)
  const verified = await request.verify(webcrypto).catch(() => false)
  if (!verified) throw invalid('the certificate request is not signed by its own key')
  return signKey(request.publicKey, subject, options)
}

/**
 * The certificate issued before, as long as it fits the request (isAnsweredBy); else a newly signed one (signRequest). Repeating the call
 * changes nothing. @returns PEM
 * @throws TerminalError `CertificateRequestInvalid`
 */
export async function ensureSigned(
  requestPem: string,
  have: string | undefined,
  subject: Subject,
  options: SigningOptions,
): Promise<string> {
  if (have !== undefined && (await isAnsweredBy(requestPem, have, subject, options))) return have
  return signRequest(requestPem, subject, options)
}

/** Client and server certificate for a key of our own. @returns PEM */
export async function signKey(publicKey: PublicKey, subject: Subject, options: SigningOptions): Promise<string> {
  const { authority, days, now, usage } = options
  assertStrong(publicKey)
  const names: JsonGeneralNames = subject.names.map((value) => ({ type: isIP(value) ? 'ip' : 'dns', value }))
  const end = Math.min(now.getTime() + days * DAY_MS, authority.certificate.notAfter.getTime())
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: createSerial(),
      subject: nameOf(subject).toString(),
      issuer: authority.certificate.subject,
      notBefore: new Date(now.getTime() - Math.min(BACKDATE_MS, (end - now.getTime()) * BACKDATED_PART)),
      notAfter: new Date(end),
      signingAlgorithm: SIGNATURE_ALGORITHM,
      publicKey,
      signingKey: authority.privateKey,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment, true),
        new ExtendedKeyUsageExtension(
          [
            ...(usage === 'server' ? [] : [ExtendedKeyUsage.clientAuth]),
            ...(usage === 'client' ? [] : [ExtendedKeyUsage.serverAuth]),
          ],
          false,
        ),
        ...(names.length > 0 ? [new SubjectAlternativeNameExtension(names, false)] : []),
        await SubjectKeyIdentifierExtension.create(publicKey),
        await AuthorityKeyIdentifierExtension.create(authority.certificate.publicKey),
      ],
    },
    webcrypto,
  )
  return certificate.toString('pem')
}

/** The fraction of a certificate's life after which it is renewed. */
const RENEW_AFTER = 2 / 3

/** After two thirds of its life, and when it cannot be read. */
export function isDueForRenewal(certificatePem: string, now: Date): boolean {
  const certificate = findCertificate(certificatePem)
  if (!certificate) return true
  const start = certificate.notBefore.getTime()
  const end = certificate.notAfter.getTime()
  return now.getTime() >= start + (end - start) * RENEW_AFTER
}

/** Whether the certificate certifies this request's key for this subject by this authority and is not due for renewal. */
export async function isAnsweredBy(
  requestPem: string,
  certificatePem: string,
  subject: Subject,
  { authority, now }: Pick<SigningOptions, 'authority' | 'now'>,
): Promise<boolean> {
  const certificate = findCertificate(certificatePem)
  if (!certificate || isDueForRenewal(certificatePem, now)) return false
  const request = parseRequest(requestPem)
  if (!Buffer.from(request.publicKey.rawData).equals(Buffer.from(certificate.publicKey.rawData))) return false
  if (!(await certificate.verify({ publicKey: authority.certificate.publicKey, signatureOnly: true }, webcrypto)))
    return false
  return sameNames(certificate, subject)
}

function sameNames(certificate: X509Certificate, subject: Subject): boolean {
  if (certificate.subjectName.getField('CN')[0] !== subject.commonName) return false
  if (certificate.subjectName.getField('OU')[0] !== subject.unit) return false
  const names = certificate.getExtension(SubjectAlternativeNameExtension)?.names.toJSON() ?? []
  const have = names.map((n) => n.value).sort()
  return JSON.stringify(have) === JSON.stringify([...subject.names].sort())
}

function nameOf({ commonName, unit }: Subject): Name {
  return new Name([{ CN: [commonName] }, ...(unit === undefined ? [] : [{ OU: [unit] }])])
}

function parseRequest(requestPem: string): Pkcs10CertificateRequest {
  try {
    return new Pkcs10CertificateRequest(requestPem)
  } catch (error) {
    throw invalid('the certificate request cannot be read', error)
  }
}

function findCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem)
  } catch {
    return undefined
  }
}

function assertStrong(key: PublicKey): void {
  const algorithm = key.algorithm as { name: string; namedCurve?: string; modulusLength?: number }
  const curve = algorithm.name.startsWith('EC') && ['P-256', 'P-384'].includes(algorithm.namedCurve ?? '')
  const rsa = algorithm.name.startsWith('RSA') && (algorithm.modulusLength ?? 0) >= 2048
  if (!curve && !rsa)
    throw invalid('the key of the certificate request must be EC P-256 or P-384, or RSA of 2048 bits or more')
}

function invalid(message: string, cause?: unknown): TerminalError {
  return new TerminalError('CertificateRequestInvalid', message, { cause })
}

/** Positive and at most 20 bytes (RFC 5280 section 4.1.2.2). */
function createSerial(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return bytes.toString('hex')
}
