// SPDX-License-Identifier: Apache-2.0
// What people write into Secrets: certificates and a key in PEM (RFC 7468), with words around them. Each function gives what it read, or what is wrong.
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g

/** @param most so many at most; what has more is not read */
export function readCertificates(text: Buffer, file: string, most: number): X509Certificate[] | string {
  const blocks = text.toString('latin1').match(BLOCK) ?? []
  if (blocks.length === 0) return `${file} has no certificate in PEM: write ${WANTED[file] ?? 'one'}`
  if (blocks.length > most)
    return `${file} has ${blocks.length} certificates, and at most ${most} are read: write ${WANTED[file] ?? 'these'} alone`
  const all: X509Certificate[] = []
  for (const [i, block] of blocks.entries()) {
    const certificate = parse(block)
    if (!certificate) return `certificate ${i + 1} in ${file} cannot be read`
    all.push(certificate)
  }
  return all
}

const WANTED: Readonly<Record<string, string>> = {
  'tls.crt': 'the certificate and its chain',
  'ca.crt': "the certificate of the peer's authority",
}

function parse(block: string): X509Certificate | undefined {
  try {
    return new X509Certificate(block)
  } catch {
    return undefined
  }
}

export function readKey(text: Buffer): KeyObject | string {
  // RFC 5958 and RFC 1421.
  if (/BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED/.test(text.toString('latin1')))
    return 'tls.key is encrypted: write it without a passphrase'
  try {
    return createPrivateKey(text)
  } catch {
    return 'tls.key is no private key in PEM'
  }
}

/**
 * OpenSSL reads certificates whose dates are none, such as of a 13th month. Of these Node's `validToDate` is whatever lay in memory: the text says it.
 */
export function isDated({ validFrom, validTo, validFromDate, validToDate }: X509Certificate): boolean {
  return [Date.parse(validFrom), Date.parse(validTo), validFromDate.getTime(), validToDate.getTime()].every(
    Number.isFinite,
  )
}

/** Of PEM that was judged good. @throws when one cannot be read */
export function parseChain(chain: string): X509Certificate[] {
  return (chain.match(BLOCK) ?? []).map((block) => new X509Certificate(block))
}
