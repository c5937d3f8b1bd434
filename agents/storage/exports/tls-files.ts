// SPDX-License-Identifier: Apache-2.0
// Credentials of both ends of NBD, under the names that QEMU expects (qemu's docs/system/tls.rst).
import { X509Certificate } from 'node:crypto'
import { lstat, mkdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { TransientError } from '../../../lib/errors.ts'
import { isMissing, type FileOwner } from '../../../lib/durable-files.ts'
import { ensureFile } from '../../../lib/owned-files.ts'
import type { CertifiedFiles, NbdFiles } from '../../node/role.ts'

export interface TlsFiles {
  /** For `dir=` of tls-creds-x509. */
  dir: string
  /** Of certificate and authority, in hex: changes when either is renewed. */
  fingerprint: string
}

/** `/var/lib/nephele/pki/qemu`: the credentials that hypervisors open volumes with; libvirt's `nbd_tls_x509_cert_dir`. */
export function clientTlsDir(stateDir: string): string {
  return join(stateDir, 'pki', 'qemu')
}

/** `/var/lib/nephele/pki/nbd-0.1`: for volumes in use by machines that were started by version 0.1.0. */
export function formerTlsDir(stateDir: string): string {
  return join(stateDir, 'pki', 'nbd-0.1')
}

/** The server's credentials. @throws TransientError NodeCertificateMissing while the operator has not signed yet */
export async function serverTls({ server }: Pick<NbdFiles, 'server'>): Promise<TlsFiles> {
  return { dir: dirname(server.keyFile), fingerprint: await fingerprintOf(server) }
}

/**
 * The same for clients of 0.1.0, which know the node's identity and trust only the cloud's authority: a server with that identity accepts
 * both these clients and today's.
 */
export async function formerServerTls(
  identity: CertifiedFiles,
  { server }: Pick<NbdFiles, 'server'>,
  dir: string,
): Promise<TlsFiles> {
  const fingerprint = (await fingerprintOf(identity)) + (await fingerprintOf(server)).slice(FINGERPRINT_CHARACTERS)
  const read = (path: string) => readFile(path, 'utf8')
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const authorities = `${await read(identity.authorityFile)}\n${await read(server.authorityFile)}`
  await ensureFile(join(dir, 'ca-cert.pem'), authorities, { mode: 0o600 })
  await ensureFile(join(dir, 'server-key.pem'), await read(identity.keyFile), { mode: 0o600 })
  await ensureFile(join(dir, 'server-cert.pem'), await read(identity.certificateFile), { mode: 0o600 })
  return { dir, fingerprint }
}

/**
 * Hypervisors read these files themselves, as whatever user they run as: owned by root and readable only by that group. May run twice;
 * links to the node's identity, left by version 0.1.0, are replaced.
 * @returns whether the operator has signed: otherwise there is nothing to read yet
 */
export async function ensureClientTls(
  { client }: Pick<NbdFiles, 'client'>,
  identity: Pick<CertifiedFiles, 'authorityFile'>,
  dir: string,
  group: number,
): Promise<boolean> {
  let texts: Record<string, string>
  try {
    const read = (path: string) => readFile(path, 'utf8')
    texts = {
      'client-key.pem': await read(client.keyFile),
      'client-cert.pem': await read(client.certificateFile),
      // The cloud's authority too: a volume that is also served to a machine of 0.1.0 uses its node's identity.
      'ca-cert.pem': `${await read(client.authorityFile)}\n${await read(identity.authorityFile)}`,
    }
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
  const owner: FileOwner = { mode: 0o640, group }
  for (const [name, text] of Object.entries(texts)) await ensureFile(join(dir, name), text, owner)
  return true
}

const FINGERPRINT_CHARACTERS = 32

async function fingerprintOf({ certificateFile, authorityFile, keyFile }: CertifiedFiles): Promise<string> {
  try {
    await lstat(keyFile)
    const [certificate, authority] = [await readFile(certificateFile), await readFile(authorityFile)]
    return [certificate, authority]
      .map((pem) =>
        new X509Certificate(pem).fingerprint256.replaceAll(':', '').slice(0, FINGERPRINT_CHARACTERS).toLowerCase(),
      )
      .join('')
  } catch (error) {
    if (!isMissing(error)) throw error
    throw new TransientError(
      'NodeCertificateMissing',
      'the node has no signed certificate yet; volumes are served once it has',
      {
        cause: error,
      },
    )
  }
}
