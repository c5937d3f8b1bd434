// SPDX-License-Identifier: Apache-2.0
// Certificates as authorities of others make them: of any subject, life, algorithm and depth.
import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
  type JsonGeneralNames,
} from '@peculiar/x509'
import { exportPrivateKey } from '../key.ts'

const ALGORITHMS = {
  'P-256': { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  'P-384': { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
  'RSA-2048': {
    ...{ name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2048 },
    publicExponent: new Uint8Array([1, 0, 1]),
  },
  'RSA-1024': {
    ...{ name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 1024 },
    publicExponent: new Uint8Array([1, 0, 1]),
  },
}

export interface TestCertificate {
  /** Both PEM. */
  certificate: string
  privateKey: string
  signer: { subject: string; keys: webcrypto.CryptoKeyPair; algorithm: (typeof ALGORITHMS)['P-256'] }
}

export interface TestSubject {
  subject: string
  names?: JsonGeneralNames
  /** Absent: itself. */
  issuer?: TestCertificate
  isAuthority?: boolean
  algorithm?: keyof typeof ALGORITHMS
  /** In days from now. */
  from?: number
  until?: number
}

const DAY_MS = 24 * 3600 * 1000

export async function createTestCertificate(want: TestSubject): Promise<TestCertificate> {
  const { subject, names = [], issuer, isAuthority = false, from = -1, until = 30 } = want
  const algorithm = ALGORITHMS[want.algorithm ?? 'P-256'] as (typeof ALGORITHMS)['P-256']
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const signer = issuer?.signer ?? { subject, keys, algorithm }
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: Buffer.from(webcrypto.getRandomValues(new Uint8Array(8)))
        .toString('hex')
        .replace(/^./, '1'),
      ...{ subject, issuer: signer.subject, publicKey: keys.publicKey, signingKey: signer.keys.privateKey },
      notBefore: new Date(Date.now() + from * DAY_MS),
      notAfter: new Date(Date.now() + until * DAY_MS),
      signingAlgorithm: signer.algorithm,
      extensions: [
        new BasicConstraintsExtension(isAuthority, undefined, true),
        new KeyUsagesExtension(isAuthority ? KeyUsageFlags.keyCertSign : KeyUsageFlags.digitalSignature, true),
        ...(names.length > 0 ? [new SubjectAlternativeNameExtension(names, false)] : []),
        await SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    },
    webcrypto,
  )
  return {
    certificate: certificate.toString('pem'),
    privateKey: await exportPrivateKey(keys.privateKey),
    signer: { subject, keys, algorithm },
  }
}
