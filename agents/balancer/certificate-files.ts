// SPDX-License-Identifier: Apache-2.0
// Certificates and private keys of a balancer, as files that HAProxy's master process reads, which is root's: nobody else can, its worker included.
// They lie beside its sockets in a tmpfs, and go with the balancer.
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { sealedUse, type BalancerCertificate, type BalancerSpec } from '../../lib/contract/documents.ts'
import { readIfThere, unlessMissing, writeWhole } from '../../lib/durable-files.ts'
import { TransientError } from '../../lib/errors.ts'
import type { SealingKey } from '../node/sealing-key.ts'

/** By name of the certificate, its file. */
export type CertificateFiles = ReadonlyMap<string, string>

/**
 * Writes those that are not there; another certificate is another file, so that the configuration that names it is another one, too.
 * @throws TransientError `SealedForAnotherKey`, `CertificateInvalid`
 */
export async function writeCertificates(
  { certificates = [] }: Pick<BalancerSpec, 'certificates'>,
  { uid, folder }: { uid: string; folder: string },
  sealing: Pick<SealingKey, 'open'>,
): Promise<CertificateFiles> {
  const files = new Map<string, string>()
  if (certificates.length > 0) await mkdir(tlsFolder(folder), { recursive: true, mode: 0o700 })
  for (const one of certificates) {
    const file = join(tlsFolder(folder), fileName(one))
    files.set(one.name, file)
    if ((await readIfThere(file)) !== undefined) continue
    const key = await sealing.open(one.sealedKey, { uid, ...sealedUse(one.name) })
    await writeWhole(file, one.chain + fitting(key, one), { mode: 0o600 })
  }
  return files
}

/**
 * Those that neither the document nor HAProxy's configuration names: before others are written, so that documents that HAProxy refuses, one after the
 * other, do not fill the tmpfs with keys.
 */
export async function removeUnnamedCertificates(
  { certificates = [] }: Pick<BalancerSpec, 'certificates'>,
  folder: string,
): Promise<void> {
  // What it has loaded, or refused the last time.
  const configuration = (await readIfThere(join(folder, 'haproxy.cfg'))) ?? ''
  const named = configuration.match(/[0-9a-f]{32}\.pem/g) ?? []
  const kept = [...named, ...certificates.map(fileName)]
  await removeOtherCertificates(folder, new Map(kept.map((name) => [name, name])))
}

/** Once HAProxy has been told of the others. */
export async function removeOtherCertificates(folder: string, kept: CertificateFiles): Promise<void> {
  const names = new Set([...kept.values()].map((file) => basename(file)))
  const present = await unlessMissing(() => readdir(tlsFolder(folder)), [])
  for (const name of present) if (!names.has(name)) await rm(join(tlsFolder(folder), name), { force: true })
}

function tlsFolder(folder: string): string {
  return join(folder, 'tls')
}

/** The certificate says which key it is. No text of a user's is in it. Pure. */
function fileName({ name, chain }: BalancerCertificate): string {
  return `${createHash('sha256').update(`${name}\n${chain}`).digest('hex').slice(0, 32)}.pem`
}

/** A pair that HAProxy would refuse keeps it from every other change, and from starting again. */
function fitting(key: string, { name, chain }: BalancerCertificate): string {
  try {
    const privateKey = createPrivateKey(key)
    if (new X509Certificate(chain).checkPrivateKey(privateKey))
      return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  } catch {
    // Said below, without what the error could tell of the key.
  }
  throw new TransientError('CertificateInvalid', `the certificate of Secret ${name} has another key: it is not taken`)
}
