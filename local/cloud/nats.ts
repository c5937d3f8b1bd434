// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createAccountKey, createUserKey, publicKeyOf, type Nkey } from '../../lib/nats/nkey.ts'
import { toServerConfig } from '../../lib/nats/server-config.ts'
import { writeSecret } from '../control-plane/files.ts'
import { NATS_PORT, type Layout } from './layout.ts'

/** The seeds that the operator holds: it signs agents' tokens as `issuer`, and connects as the others. */
const NATS_KEYS = ['issuer', 'callout', 'operator', 'system'] as const
type NatsKeyName = (typeof NATS_KEYS)[number]

/** Keys (made once) and the server's configuration. The server's certificate pki/nats.* must exist. */
export async function writeNatsFiles(layout: Layout, host: string): Promise<void> {
  await mkdir(layout.natsKeys, { recursive: true, mode: 0o700 })
  const keys = {} as Record<NatsKeyName, string>
  for (const name of NATS_KEYS) keys[name] = await ensureKey(layout.natsKeys, name)
  await writeFile(
    layout.natsConfig,
    toServerConfig({
      serverName: 'nephele-local',
      listen: `${host}:${NATS_PORT}`,
      storeDir: layout.natsStore,
      maxFileBytes: 1024 ** 3,
      maxMemoryBytes: 64 * 1024 ** 2,
      tls: { certFile: layout.pki('nats.crt'), keyFile: layout.pki('nats.key'), caFile: layout.pki('ca.crt') },
      issuerPublicKey: keys.issuer,
      calloutPublicKey: keys.callout,
      operatorPublicKey: keys.operator,
      systemPublicKey: keys.system,
    }),
  )
}

async function ensureKey(dir: string, name: NatsKeyName): Promise<string> {
  const file = join(dir, `${name}.seed`)
  if (existsSync(file)) return publicKeyOf((await readFile(file, 'utf8')).trim())
  const key: Nkey = name === 'issuer' ? createAccountKey() : createUserKey()
  await writeSecret(file, key.seed)
  return key.publicKey
}
