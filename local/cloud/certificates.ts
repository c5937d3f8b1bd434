// SPDX-License-Identifier: Apache-2.0
import { createAuthority as createLongAuthority } from '../../lib/pki/authority.ts'
import { NBD_AUTHORITY } from '../../lib/pki/nbd-authority.ts'
import { createAuthority, toAuthority, type Authority, type KeyPairPem } from '../control-plane/authority.ts'
import { ensureCertificate, ensureFiles, writeSecret } from '../control-plane/files.ts'
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { kubeconfig } from '../control-plane/kubeconfig.ts'
import { addressesOf, defineNodes } from './definition.ts'
import type { Layout } from './layout.ts'
import type { CloudState } from './state.ts'

/** All keys and certificates of the cloud but those of its nodes, which the operator signs. Made once, kept from then on. */
export async function ensureCertificates(layout: Layout, state: CloudState): Promise<void> {
  const dir = layout.controlPlane
  const server = `https://127.0.0.1:${state.ports.apiserver}`
  const { authority } = await ensureFiles(dir, server)
  const { host, managementOf } = addressesOf(state.subnet)
  const central = defineNodes(state).filter((n) => n.ovnCentral)
  const northbound = await ensureNorthboundAuthority(layout)
  await ensureNbdAuthority(layout)
  const [operator] = await Promise.all([
    ensureCertificate(dir, northbound, 'operator-nb', { commonName: 'nephele-operator' }),
    // A name that no node can have.
    ensureCertificate(dir, authority, 'operator-sb', { commonName: 'system:nephele-southbound-reader' }),
    ensureCertificate(dir, authority, 'nats', { commonName: 'nats', names: ['nephele-nats', 'localhost', host] }),
    ensureCertificate(dir, authority, 'console', { commonName: 'nephele-console', names: ['localhost', host] }),
    ensureCertificate(dir, authority, 'ovn-central', { commonName: 'ovn-central', names: central.map(managementOf) }),
  ])
  for (const folder of [layout.operatorAuthority, layout.operatorTls])
    await mkdir(folder, { recursive: true, mode: 0o700 })
  await writePair(layout.operatorAuthority, authority)
  await writePair(layout.operatorTls, operator)
  await writeFile(join(layout.operatorTls, 'ca.crt'), authority.certificate)
  const user = { tokenFile: layout.operatorToken }
  await writeSecret(
    layout.operatorKubeconfig,
    kubeconfig({ server, certificateAuthority: authority.certificate, user }),
  )
}

/** For volumes over NBD, where the operator's Secret comes from. */
async function ensureNbdAuthority(layout: Layout): Promise<void> {
  const [certificateFile, keyFile] = [layout.pki('nbd-ca.crt'), layout.pki('nbd-ca.key')]
  if (existsSync(certificateFile)) return
  const authority = await createLongAuthority(NBD_AUTHORITY.commonName, NBD_AUTHORITY.days, new Date())
  await writeSecret(keyFile, authority.privateKey)
  await writeFile(certificateFile, authority.certificate)
}

/** Whoever has a certificate of this authority may write OVN's northbound database: the operator and nobody else. */
async function ensureNorthboundAuthority(layout: Layout): Promise<Authority> {
  const [certificateFile, keyFile] = [layout.pki('northbound-ca.crt'), layout.pki('northbound-ca.key')]
  if (existsSync(certificateFile)) {
    return toAuthority({ certificate: await readFile(certificateFile, 'utf8'), key: await readFile(keyFile, 'utf8') })
  }
  const authority = await createAuthority('nephele northbound clients')
  await writeSecret(keyFile, authority.key)
  await writeFile(certificateFile, authority.certificate)
  return authority
}

async function writePair(dir: string, pair: KeyPairPem): Promise<void> {
  await writeSecret(join(dir, 'tls.key'), pair.key)
  await writeFile(join(dir, 'tls.crt'), pair.certificate)
}
