// SPDX-License-Identifier: Apache-2.0
// Certificates by which a VPN proves itself, and what they say.
import 'reflect-metadata'
import { createHash, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { X509Certificate as ParsedCertificate } from '@peculiar/x509'
import {
  CRITICAL_EXTENSIONS,
  isIdentity,
  isSubject,
  MOST_CERTIFICATE_CHARACTERS,
  VpnCertificate,
} from '../../lib/contract/vpn.ts'
import { judgeCertificates, type Certificates, type Memory, type Usage } from '../certificates/judge.ts'
import { isDated } from '../certificates/read-pem.ts'
import { found, type Found } from '../kind/found.ts'
import { lacking } from './lacking.ts'

/** As whom we are to prove ourselves, as far as it was written, and what peers call us by. */
export interface OwnNames {
  localID: string | undefined
  externalIP: string
}

export const VPN_USAGE: Usage<VpnCertificate> = {
  curves: new Map([
    ['prime256v1', 'P-256'],
    ['secp384r1', 'P-384'],
    ['secp521r1', 'P-521'],
  ]),
  mostInChain: 4,
  mostAuthorities: 4,
  encode,
}

/**
 * @param data of the Secret, in base64
 * @param what the Secret, for messages: which tell nothing of the private key
 * @param memory of this Secret; it is written to
 */
export function judgeVpnCertificate(
  data: Readonly<Record<string, string>> | undefined,
  names: OwnNames,
  { what, now, memory = {} }: { what: string; now: Date; memory?: Memory<VpnCertificate> },
): Found<VpnCertificate> {
  const verdict = judgeCertificates(data, VPN_USAGE, now, memory)
  if (!verdict.ok) return lacking(verdict.reason, `${what}: ${verdict.message}`)
  const fault = findNameFault(verdict.certificate, names)
  if (fault !== undefined) return lacking('CertificateInvalid', `${what}: ${fault}`)
  return found(verdict.certificate)
}

function encode({ chain, key, authorities }: Certificates): ReturnType<Usage<VpnCertificate>['encode']> {
  for (const [file, all] of [
    ['tls.crt', chain],
    ['ca.crt', authorities],
  ] as const)
    for (const [i, { raw }] of all.entries()) {
      const unknown = new ParsedCertificate(raw).extensions.find(
        ({ critical, type }) => critical && !CRITICAL_EXTENSIONS.includes(type),
      )
      if (unknown) {
        const what = `certificate ${i + 1} in ${file} has a critical extension (${unknown.type}) that the IKE daemon does not know`
        return { ok: false, message: `${what}: issue it without` }
      }
    }
  const parsed = VpnCertificate.safeParse({
    chain: chain.map(toBase64),
    privateKey: key.export({ type: 'pkcs8', format: 'der' }).toString('base64'),
    authorities: authorities.map(toBase64),
  })
  const size = parsed.success ? JSON.stringify(parsed.data).length : Infinity
  if (!parsed.success || size > MOST_CERTIFICATE_CHARACTERS)
    return { ok: false, message: 'its certificates are too big: leave out authorities that nobody needs, and names' }
  return { ok: true, certificate: parsed.data }
}

function toBase64({ raw }: X509Certificate): string {
  return raw.toString('base64')
}

function parse({ chain: [own = ''] }: Pick<VpnCertificate, 'chain'>): X509Certificate {
  return new X509Certificate(Buffer.from(own, 'base64'))
}

function findNameFault(certificate: VpnCertificate, { localID, externalIP }: OwnNames): string | undefined {
  const own = parse(certificate)
  const chosen = localID ?? namesOf(own, externalIP)[0]
  if (chosen !== undefined && isNamed(own, chosen)) return undefined
  const names = namesOf(own, externalIP)
  const help =
    names.length === 0
      ? 'give the certificate a DNS name, an e-mail address or an IP address as alternative name'
      : `write one that it has (${names.slice(0, 4).join('; ')}), or give it another certificate`
  return `tls.crt is of nobody who is called ${chosen ?? externalIP}, our localID: ${help}`
}

/** As whom we prove ourselves: what was written, or the first name of the certificate. */
export function localNameOf(certificate: Pick<VpnCertificate, 'chain'>, { localID, externalIP }: OwnNames): string {
  return localID ?? namesOf(parse(certificate), externalIP)[0] ?? externalIP
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

/** For people. Of one that an operator before this one let pass, its end may be none. */
export function describeCertificate(of: Pick<VpnCertificate, 'chain'>): {
  subject: string
  issuer: string
  notAfter?: string
} {
  const certificate = parse(of)
  const clean = (text: string) => text.split('\n').join(', ').slice(0, 512)
  return {
    subject: clean(certificate.subject ?? ''),
    issuer: clean(certificate.issuer ?? ''),
    ...(isDated(certificate) ? { notAfter: certificate.validToDate.toISOString() } : {}),
  }
}

/** By which connections of one node share it. */
export function fingerprintOf(certificate: VpnCertificate): string {
  return createHash('sha256').update(JSON.stringify(certificate)).digest('hex')
}
