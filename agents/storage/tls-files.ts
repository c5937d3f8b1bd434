// SPDX-License-Identifier: Apache-2.0
// The node's key and certificate under the names that QEMU looks for (qemu's docs/system/tls.rst), for both ends of NBD.
import { X509Certificate } from 'node:crypto'
import { lstat, mkdir, readFile, readlink, rename, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { TransientError } from '../../lib/errors.ts'
import { isMissing } from '../../lib/durable-files.ts'
import type { NodeIdentityFiles } from '../node/role.ts'

export interface TlsFiles {
  /** For `dir=` of tls-creds-x509, both endpoints, and for libvirt's `nbd_tls_x509_cert_dir`. */
  dir: string
  /** Of certificate and authority, in hex: changes when either is renewed. */
  fingerprint: string
}

/** `/var/lib/nephele/pki/qemu` */
export function tlsDirIn(stateDir: string): string {
  return join(stateDir, 'pki', 'qemu')
}

/** QEMU's name to the node's file. Pure. */
export function tlsLinks({ authorityFile, certificateFile, keyFile }: NodeIdentityFiles): Record<string, string> {
  return {
    'ca-cert.pem': authorityFile,
    'server-cert.pem': certificateFile,
    'server-key.pem': keyFile,
    'client-cert.pem': certificateFile,
    'client-key.pem': keyFile,
  }
}

/**
 * Makes the folder of links to the node's own files; may run twice, and from both roles. Links, so that a renewed certificate is
 * there under all its names at once.
 * @throws TransientError NodeCertificateMissing while the operator has not signed yet
 */
export async function ensureTlsFiles(identity: NodeIdentityFiles, dir: string): Promise<TlsFiles> {
  const fingerprint = await fingerprintOf(identity)
  await mkdir(dir, { recursive: true, mode: 0o700 })
  for (const [name, target] of Object.entries(tlsLinks(identity))) await ensureLink(join(dir, name), target)
  return { dir, fingerprint }
}

async function fingerprintOf({ certificateFile, authorityFile, keyFile }: NodeIdentityFiles): Promise<string> {
  try {
    await lstat(keyFile)
    const [certificate, authority] = [await readFile(certificateFile), await readFile(authorityFile)]
    return [certificate, authority]
      .map((pem) => new X509Certificate(pem).fingerprint256.replaceAll(':', '').slice(0, 32).toLowerCase())
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

async function ensureLink(path: string, target: string): Promise<void> {
  const now = await readlink(path).catch(() => undefined)
  if (now === target) return
  const next = `${path}.new`
  await rm(next, { force: true })
  await symlink(target, next)
  await rename(next, path)
}
