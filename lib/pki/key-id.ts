// SPDX-License-Identifier: Apache-2.0
import 'reflect-metadata'
import { createHash } from 'node:crypto'
import { Pkcs10CertificateRequest } from '@peculiar/x509'
import { TerminalError } from '../errors.ts'

/** The length of a key identifier: part of the digest, short enough for a distinguished name's attribute (64 characters). */
const CHARACTERS = 40

/**
 * Identifies the key of a PKCS #10 request: the first part of the SHA-256 of its SubjectPublicKeyInfo, in hex.
 * @throws TerminalError `CertificateRequestInvalid`
 */
export function keyIdOf(requestPem: string): string {
  try {
    const { rawData } = new Pkcs10CertificateRequest(requestPem).publicKey
    return createHash('sha256').update(Buffer.from(rawData)).digest('hex').slice(0, CHARACTERS)
  } catch (error) {
    throw new TerminalError('CertificateRequestInvalid', 'the certificate request cannot be read', { cause: error })
  }
}
