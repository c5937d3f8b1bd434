// SPDX-License-Identifier: Apache-2.0
// Certificates that a LoadBalancer shows to clients. What passes here HAProxy takes: one that it refused would keep it from every other change.
import { MOST_CHAIN_CHARACTERS, MOST_KEY_CHARACTERS } from '../../lib/contract/documents.ts'
import type { Certificates, Usage } from '../certificates/judge.ts'
import { isDated, parseChain } from '../certificates/read-pem.ts'

export interface TlsCertificate {
  /** PEM of nothing but certificates: the one that is shown, and then each one's issuer. */
  chain: string
  /** PKCS #8 in PEM; a secret. */
  key: string
}

export const SERVER_USAGE: Usage<TlsCertificate> = {
  // Browsers take no P-521.
  curves: new Map([
    ['prime256v1', 'P-256'],
    ['secp384r1', 'P-384'],
  ]),
  mostInChain: 16,
  mostAuthorities: 0,
  encode,
}

function encode({ chain, key }: Certificates): ReturnType<Usage<TlsCertificate>['encode']> {
  const text = chain.map((one) => one.toString()).join('')
  const pem = key.export({ type: 'pkcs8', format: 'pem' }).toString()
  if (text.length > MOST_CHAIN_CHARACTERS)
    return {
      ok: false,
      message: `tls.crt has ${text.length} characters, and at most ${MOST_CHAIN_CHARACTERS} are possible: leave out the root, or spread the names over several certificates`,
    }
  if (pem.length > MOST_KEY_CHARACTERS) return { ok: false, message: 'tls.key is longer than an RSA key of 4096 bits' }
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

/** RFC 1035: more is no name, and the status has no room for it. */
const MOST_NAME_CHARACTERS = 253

/** Of a chain that was judged good. Pure. @throws when it was not: one that cannot be read, or has a date that is none */
export function factsOf(chain: string): CertificateFacts {
  const all = parseChain(chain)
  const [leaf] = all
  if (!leaf) throw new Error('a chain without a certificate')
  const ends = all.map(({ validToDate }) => validToDate.getTime())
  if (!all.every(isDated)) throw new Error('a certificate without dates')
  const names = [...(leaf.subjectAltName ?? '').matchAll(/DNS:([^\s,"]+)/g)].map(([, name = '']) => name)
  return {
    ...{ notBefore: leaf.validFromDate, notAfter: new Date(Math.min(...ends)) },
    fingerprint: leaf.fingerprint256.replaceAll(':', '').toLowerCase(),
    dnsNames: [...new Set(names)].filter(({ length }) => length <= MOST_NAME_CHARACTERS),
  }
}
