// SPDX-License-Identifier: Apache-2.0
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createAuthority, loadAuthority, signRequest } from '../../../lib/pki/authority.ts'
import { createPrivateKey, createRequest } from '../../../lib/pki/key.ts'
import type { NodeIdentityFiles } from '../../node/role.ts'
import { ensureTlsFiles } from '../tls-files.ts'

export interface TestAuthority {
  /** Writes authority, certificate and key of one node, as its agent has them; returns the folder for QEMU. */
  issue(pkiDir: string, node: string): Promise<string>
}

export async function createTestAuthority(): Promise<TestAuthority> {
  const now = new Date()
  const files = await createAuthority('Nephele', 10, now)
  const authority = await loadAuthority(files)
  return {
    async issue(pkiDir, node) {
      const key = await createPrivateKey()
      const request = await createRequest(key, node)
      const certificate = await signRequest(
        request,
        { commonName: node, names: [node, '127.0.0.1'] },
        { authority, days: 5, now },
      )
      await mkdir(pkiDir, { recursive: true })
      const { keyFile, certificateFile, authorityFile } = identityIn(pkiDir)
      await writeFile(keyFile, key, { mode: 0o600 })
      await writeFile(certificateFile, certificate)
      await writeFile(authorityFile, files.certificate)
      return (await ensureTlsFiles(identityIn(pkiDir), join(pkiDir, 'qemu'))).dir
    },
  }
}

export function identityIn(pkiDir: string): NodeIdentityFiles {
  return {
    keyFile: join(pkiDir, 'node.key'),
    certificateFile: join(pkiDir, 'node.crt'),
    authorityFile: join(pkiDir, 'ca.crt'),
  }
}
