// SPDX-License-Identifier: Apache-2.0
import 'reflect-metadata'
import {
  BasicConstraintsExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { randomBytes, webcrypto } from 'node:crypto'

const DAY_MS = 24 * 3600 * 1000
const ECDSA = { name: 'ECDSA', namedCurve: 'P-256' } as const

export interface TestCertificate {
  /** PEM. */
  certificate: string
  /** PKCS #8 in PEM. */
  key: string
  commonName: string
}

export interface TestCertificateRequest {
  /** DNS names; the first is the common name. */
  names: readonly [string, ...string[]]
  /** Absent: it signs itself. */
  issuer?: TestCertificate
  now?: Date
  /** From `now` on, and before. */
  days?: number
  daysBefore?: number
  /** Bits of RSA; absent: ECDSA P-256. */
  rsaBits?: number
  curve?: 'P-256' | 'P-384' | 'P-521'
  hash?: 'SHA-1' | 'SHA-256'
  isAuthority?: boolean
}

/** A certificate of whatever quality is asked for, and its key. */
export async function makeCertificate(request: TestCertificateRequest): Promise<TestCertificate> {
  const { names, issuer, now = new Date(), days = 90, daysBefore = 1, rsaBits, hash = 'SHA-256' } = request
  const own = rsaBits
    ? { name: 'RSASSA-PKCS1-v1_5', modulusLength: rsaBits, publicExponent: new Uint8Array([1, 0, 1]), hash }
    : { ...ECDSA, namedCurve: request.curve ?? 'P-256' }
  const keys = await webcrypto.subtle.generateKey(own, true, ['sign', 'verify'])
  const signingKey = issuer ? await importKey(issuer.key) : keys.privateKey
  const [commonName] = names
  const certificate = await X509CertificateGenerator.create({
    serialNumber: `01${randomBytes(15).toString('hex')}`,
    subject: `CN=${commonName}`,
    issuer: `CN=${issuer?.commonName ?? commonName}`,
    notBefore: new Date(now.getTime() - daysBefore * DAY_MS),
    notAfter: new Date(now.getTime() + days * DAY_MS),
    signingAlgorithm: issuer ? { name: 'ECDSA', hash } : { name: own.name, hash },
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new BasicConstraintsExtension(request.isAuthority ?? false, undefined, true),
      new SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value }))),
    ],
  })
  const der = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  const key = `${PemConverter.encode(der, 'PRIVATE KEY')}\n`
  return { certificate: `${certificate.toString('pem')}\n`, key, commonName }
}

/** Issuers here have keys of ECDSA P-256. */
function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey('pkcs8', PemConverter.decodeFirst(pem), ECDSA, false, ['sign'])
}
