// SPDX-License-Identifier: Apache-2.0
import type { BalancerListener } from '../../lib/contract/documents.ts'
import type { CertificateFiles } from './certificate-files.ts'

/** Mozilla's "intermediate" of TLS 1.2, without finite-field DH: forward secrecy and authenticated encryption alone. */
const CIPHERS = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
]
const SUITES = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256']

/** What all HTTPS listeners have in common. Tickets would be sealed by one key for as long as the process lives. Pure. */
export function tlsGlobal(listeners: readonly BalancerListener[]): string[] {
  if (!listeners.some(({ tls }) => tls)) return []
  return [
    `ssl-default-bind-ciphers ${CIPHERS.join(':')}`,
    `ssl-default-bind-ciphersuites ${SUITES.join(':')}`,
    'ssl-default-bind-options prefer-client-ciphers no-tls-tickets',
    'ssl-load-extra-files none',
  ]
}

/** Of the `bind` line. HAProxy chooses by SNI among the names of the certificates, and else takes the first one. Pure. */
export function tlsBind({ tls }: BalancerListener, files: CertificateFiles): string {
  if (!tls) return ''
  const shown = tls.certificates.map((name) => ` crt ${fileOf(name, files)}`).join('')
  return ` ssl${shown} alpn h2,http/1.1 ssl-min-ver TLSv${tls.minVersion}`
}

function fileOf(name: string, files: CertificateFiles): string {
  const file = files.get(name)
  if (file === undefined) throw new Error(`the document names a certificate ${name} that it does not have`)
  return file
}
