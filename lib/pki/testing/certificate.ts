// SPDX-License-Identifier: Apache-2.0
// Certificates as authorities of others make them: of any subject, life, algorithm, quality and depth.
import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import {
  BasicConstraintsExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
  type JsonGeneralNames,
} from '@peculiar/x509'
import { exportPrivateKey } from '../key.ts'

const ecdsa = (namedCurve: string, hash: string) => ({ name: 'ECDSA', namedCurve, hash })
const rsa = (modulusLength: number) => ({
  ...{ name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength },
  publicExponent: new Uint8Array([1, 0, 1]),
})
const ALGORITHMS = {
  ...{ 'P-256': ecdsa('P-256', 'SHA-256'), 'P-384': ecdsa('P-384', 'SHA-384'), 'P-521': ecdsa('P-521', 'SHA-512') },
  ...{ 'RSA-1024': rsa(1024), 'RSA-2048': rsa(2048) },
}
type Algorithm = (typeof ALGORITHMS)['P-256' | 'RSA-2048']

export interface TestCertificate {
  /** PEM. */
  certificate: string
  /** PKCS #8 in PEM. */
  key: string
  signer: { subject: string; keys: webcrypto.CryptoKeyPair; algorithm: Algorithm }
}

export interface TestSubject {
  /** Absent: the first name is the common name. */
  subject?: string
  /** Those that are text are of DNS. */
  names?: readonly (string | JsonGeneralNames[number])[]
  /** Absent: itself. */
  issuer?: TestCertificate
  isAuthority?: boolean
  algorithm?: keyof typeof ALGORITHMS
  /** Of its signature; absent: that of the signer's algorithm. */
  hash?: 'SHA-1'
  now?: Date
  /** In days from now. */
  from?: number
  until?: number
  /** OIDs of extensions for which whoever does not know one has to refuse the certificate, with their content (DER) in hexadecimal. */
  critical?: Readonly<Record<string, string>>
}

const DAY_MS = 24 * 3600 * 1000

/** A certificate of whatever quality is asked for, and its key. */
export async function createTestCertificate(want: TestSubject): Promise<TestCertificate> {
  const { issuer, isAuthority = false, from = -1, until = 30, now = new Date() } = want
  const names = (want.names ?? []).map((name) =>
    typeof name === 'string' ? { type: 'dns' as const, value: name } : name,
  )
  const subject = want.subject ?? `CN=${names[0]?.value ?? ''}`
  const algorithm = ALGORITHMS[want.algorithm ?? 'P-256']
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const signer = issuer?.signer ?? { subject, keys, algorithm }
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: Buffer.from(webcrypto.getRandomValues(new Uint8Array(8)))
        .toString('hex')
        .replace(/^./, '1'),
      ...{ subject, issuer: signer.subject, publicKey: keys.publicKey, signingKey: signer.keys.privateKey },
      notBefore: new Date(now.getTime() + from * DAY_MS),
      notAfter: new Date(now.getTime() + until * DAY_MS),
      signingAlgorithm: { ...signer.algorithm, ...(want.hash ? { hash: want.hash } : {}) },
      extensions: [
        new BasicConstraintsExtension(isAuthority, undefined, true),
        new KeyUsagesExtension(isAuthority ? KeyUsageFlags.keyCertSign : KeyUsageFlags.digitalSignature, true),
        ...(names.length > 0 ? [new SubjectAlternativeNameExtension(names, false)] : []),
        await SubjectKeyIdentifierExtension.create(keys.publicKey),
        ...Object.entries(want.critical ?? {}).map(([oid, hex]) => new Extension(oid, true, Buffer.from(hex, 'hex'))),
      ],
    },
    webcrypto,
  )
  return {
    certificate: `${certificate.toString('pem')}\n`,
    key: `${await exportPrivateKey(keys.privateKey)}\n`,
    signer: { subject, keys, algorithm },
  }
}
