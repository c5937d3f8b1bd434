// SPDX-License-Identifier: Apache-2.0
// What a control plane reads at start: keys, certificates, kubeconfigs. Made once; a second start finds and keeps them.
import { generateKeyPairSync } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createAuthority, toAuthority, type Authority, type CertificateRequest, type KeyPairPem } from './authority.ts'
import { kubeconfig } from './kubeconfig.ts'
import { pkiFile } from './programs.ts'

const AUDIT_POLICY =
  'apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{ level: Metadata }]\n'

async function ensureAuthority(dir: string, commonName: string): Promise<Authority> {
  await mkdir(join(dir, 'pki'), { recursive: true, mode: 0o700 })
  const found = await findPair(dir, 'ca')
  if (found) return toAuthority(found)
  const authority = await createAuthority(commonName)
  await writePair(dir, 'ca', authority)
  return authority
}

/** Certificate and key as pki/<name>.crt and .key; an existing pair is kept. */
export async function ensureCertificate(
  dir: string,
  authority: Authority,
  name: string,
  request: CertificateRequest,
): Promise<KeyPairPem> {
  const found = await findPair(dir, name)
  if (found) return found
  const pair = await authority.issue(request)
  await writePair(dir, name, pair)
  return pair
}

/** Everything that etcd, apiserver and controller-manager read. Returns the administrator's pair and the authority. */
export async function ensureFiles(
  dir: string,
  server: string,
  /** More names and addresses at which the apiserver is reached. */
  apiserverNames: readonly string[] = [],
): Promise<{ authority: Authority; admin: KeyPairPem }> {
  const authority = await ensureAuthority(dir, 'nephele local authority')
  const loopback = ['localhost', '127.0.0.1']
  const apiserver = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', ...loopback, ...apiserverNames]
  const manager = 'system:kube-controller-manager'
  const [admin, managerPair] = await Promise.all([
    ensureCertificate(dir, authority, 'admin', { commonName: 'local-admin', organization: 'system:masters' }),
    ensureCertificate(dir, authority, 'controller-manager', { commonName: manager, names: loopback }),
    ensureCertificate(dir, authority, 'etcd', { commonName: 'etcd', names: loopback }),
    ensureCertificate(dir, authority, 'apiserver', { commonName: 'kube-apiserver', names: apiserver }),
  ])
  const serviceAccountKey = pkiFile(dir, 'service-account.key')
  if (!existsSync(serviceAccountKey)) {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    await writeSecret(serviceAccountKey, privateKey.export({ type: 'sec1', format: 'pem' }).toString())
  }
  const certificateAuthority = authority.certificate
  await writeSecret(join(dir, 'admin.kubeconfig'), kubeconfig({ server, certificateAuthority, user: admin }))
  await writeSecret(
    join(dir, 'controller-manager.kubeconfig'),
    kubeconfig({ server, certificateAuthority, user: managerPair }),
  )
  await writeFile(join(dir, 'audit-policy.yaml'), AUDIT_POLICY)
  return { authority, admin }
}

export async function writeSecret(path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: 0o600 })
}

async function findPair(dir: string, name: string): Promise<KeyPairPem | undefined> {
  const [certificate, key] = [pkiFile(dir, `${name}.crt`), pkiFile(dir, `${name}.key`)]
  // The certificate is written last: where it stands, the key does too.
  if (!existsSync(certificate)) return undefined
  return { certificate: await readFile(certificate, 'utf8'), key: await readFile(key, 'utf8') }
}

async function writePair(dir: string, name: string, pair: KeyPairPem): Promise<void> {
  await writeSecret(pkiFile(dir, `${name}.key`), pair.key)
  await writeFile(pkiFile(dir, `${name}.crt`), pair.certificate)
}
