// SPDX-License-Identifier: Apache-2.0
import 'reflect-metadata'
import { createPublicKey, webcrypto } from 'node:crypto'
import { Name, PemConverter, Pkcs10CertificateRequestGenerator, PublicKey } from '@peculiar/x509'

/** Accepted by OpenSSL (OVS), GnuTLS (QEMU) and Go (NATS) alike. */
export const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const
export const SIGNATURE_ALGORITHM = { name: 'ECDSA', hash: 'SHA-256' } as const

/** @returns PKCS #8 in PEM; a secret */
export async function createPrivateKey(): Promise<string> {
  const keys = await webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify'])
  return exportPrivateKey(keys.privateKey)
}

export async function exportPrivateKey(key: webcrypto.CryptoKey): Promise<string> {
  return PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')
}

/** @throws when it is not an EC P-256 key in PKCS #8 */
export async function importPrivateKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = PemConverter.decodeFirst(pem)
  return webcrypto.subtle.importKey('pkcs8', der, KEY_ALGORITHM, true, ['sign'])
}

/** The public half of a private key in PEM. */
export function publicKeyOf(privateKeyPem: string): PublicKey {
  return new PublicKey(createPublicKey(privateKeyPem).export({ type: 'spki', format: 'der' }))
}

/** A PKCS #10 request (RFC 2986) in PEM that names its holder; the signer decides the final names. */
export async function createRequest(privateKeyPem: string, commonName: string): Promise<string> {
  const privateKey = await importPrivateKey(privateKeyPem)
  const spki = createPublicKey(privateKeyPem).export({ type: 'spki', format: 'der' })
  const publicKey = await webcrypto.subtle.importKey('spki', spki, KEY_ALGORITHM, true, ['verify'])
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: new Name([{ CN: [commonName] }]).toString(),
    keys: { privateKey, publicKey },
    signingAlgorithm: SIGNATURE_ALGORITHM,
  })
  return request.toString('pem')
}
