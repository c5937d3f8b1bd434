// SPDX-License-Identifier: Apache-2.0
// Certificates of a balancer's HTTPS listeners, as a gateway node is told of them: the private key is sealed for that node.
import { z } from 'zod'
import { SealedText } from '../pki/sealed.ts'

/** Of all listeners together; with the bounds below, all of them fit into one document. */
export const MOST_CERTIFICATES = 16
/** Characters of PEM, of a certificate and what leads to its authority. */
export const MOST_CHAIN_CHARACTERS = 8192
/** PKCS #8 in PEM: an RSA key of 4096 bits has 3272. */
export const MOST_KEY_CHARACTERS = 3400
/** The key of so many characters, sealed. */
const MOST_SEALED_CHARACTERS = 4800

/** Of a Secret. */
const certificateName = z
  .string()
  .max(253)
  .regex(/^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/)

export const BalancerCertificate = z.looseObject({
  name: certificateName,
  /** PEM: the certificate, and then each one's issuer. Nothing but certificates. */
  chain: z
    .string()
    .max(MOST_CHAIN_CHARACTERS)
    .regex(/^(-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=]{1,64}\n)+-----END CERTIFICATE-----\n)+$/),
  /** PKCS #8 in PEM, once it is opened. */
  sealedKey: SealedText.max(MOST_SEALED_CHARACTERS),
})
export type BalancerCertificate = z.infer<typeof BalancerCertificate>

export const BalancerTls = z.looseObject({
  /** The first is shown to whom none of the others is for. */
  certificates: z.array(certificateName).min(1).max(MOST_CERTIFICATES),
  minVersion: z.enum(['1.2', '1.3']),
})
export type BalancerTls = z.infer<typeof BalancerTls>

/** What a certificate's key is sealed for, in the balancer's document. */
export function sealedUse(certificate: string): { kind: 'balancer'; use: string } {
  return { kind: 'balancer', use: `certificates/${certificate}` }
}
