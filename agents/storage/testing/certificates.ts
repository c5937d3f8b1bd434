// SPDX-License-Identifier: Apache-2.0
// A cloud's authorities, and what an agent and its operator make of them, by the real classes of both.
import { mkdir } from 'node:fs/promises'
import { pino } from 'pino'
import { createAuthority, loadAuthority, signRequest } from '../../../lib/pki/authority.ts'
import { keyIdOf } from '../../../lib/pki/key-id.ts'
import { NodeIdentity } from '../../node/identity.ts'
import { NbdIdentity } from '../../node/nbd-identity.ts'
import { clientTlsDir, ensureClientTls } from '../exports/tls-files.ts'

export interface TestAuthority {
  /** Certifies the node whose agent has this folder, and sets up what its hypervisor reads. May run twice: renews. */
  certify(stateDir: string, node: string, options?: { serverDays?: number }): Promise<CertifiedNode>
}

export interface CertifiedNode {
  /** QEMU's folder. */
  tlsDir: string
  /** Of the key that it opens volumes with. */
  key: string
  identity: NodeIdentity
  nbd: NbdIdentity
}

export async function createTestAuthority(): Promise<TestAuthority> {
  const now = new Date()
  const [cloudFiles, volumeFiles] = [
    await createAuthority('Nephele', 10, now),
    await createAuthority('Nephele volumes', 30 * 365, now),
  ]
  const [cloud, volumes] = [await loadAuthority(cloudFiles), await loadAuthority(volumeFiles)]
  return {
    async certify(stateDir, node, { serverDays = 5 } = {}) {
      await mkdir(clientTlsDir(stateDir), { recursive: true })
      const log = pino({ level: 'silent' })
      const identity = new NodeIdentity(stateDir, node, log)
      const nbd = new NbdIdentity(stateDir, node, log)
      const at = new Date()
      const own = { commonName: node, names: [node, '127.0.0.1'] }
      const signed = await signRequest(await identity.request(at), own, { authority: cloud, days: 5, now: at })
      await identity.accept(signed, cloudFiles.certificate, at)
      const requests = await nbd.requests(at)
      const key = keyIdOf(requests.client)
      const common = { authority: volumes, now: at }
      const client = { commonName: node, unit: key, names: [] }
      await nbd.accept(
        {
          client: await signRequest(requests.client, client, { ...common, days: Infinity, usage: 'client' }),
          server: await signRequest(
            requests.server,
            { commonName: node, names: [node] },
            { ...common, days: serverDays, usage: 'server' },
          ),
          authority: volumeFiles.certificate,
        },
        at,
      )
      const tlsDir = clientTlsDir(stateDir)
      await ensureClientTls(nbd.files, identity.files, tlsDir, process.getgid?.() ?? 0)
      return { tlsDir, key, identity, nbd }
    },
  }
}
