// SPDX-License-Identifier: Apache-2.0
// Changes to a running storage daemon.
import { z } from 'zod'
import {
  AUTHZ_ID,
  CREDENTIALS,
  EXPORT_ID,
  exportOptions,
  RESIZED_NODE,
  serverCredentials,
  serverOptions,
  type Authorization,
} from './daemon-arguments.ts'
import { within } from '../../../lib/within.ts'
import type { TlsFiles } from './tls-files.ts'
import { QmpError, type QmpClient, type QmpEvent } from './qmp.ts'

export interface Control {
  timeoutMs: number
  signal: AbortSignal
}

const Rules = z.array(z.looseObject({ match: z.string(), policy: z.string() }))

/**
 * Makes the server use these credentials. QEMU reads them once, when their object is created: other credentials need a new server in the
 * same process. Its clients are disconnected and reconnect with what they hold. Anything that an earlier run left unfinished is redone.
 * @returns whether the credentials were changed
 */
export async function ensureCredentials(
  client: QmpClient,
  tls: TlsFiles,
  at: { address: string; port: number },
  control: Control,
): Promise<boolean> {
  const want = serverCredentials(tls)
  const objects = await client.execute('qom-list', { path: '/objects' }, control)
  const there = objects.map(({ name }) => name).filter((name) => name.startsWith(CREDENTIALS))
  if (there.length === 1 && there[0] === want.id) return false
  // The new ones first: if they cannot be read, the running server is left alone.
  if (!there.includes(want.id)) await client.execute('object-add', want, control)
  await client.execute('nbd-server-stop', undefined, control).catch((error: unknown) => {
    if (!(error instanceof QmpError)) throw error // otherwise it was not running
  })
  await client.execute('nbd-server-start', serverOptions(at, want), control)
  for (const id of there) if (id !== want.id) await client.execute('object-del', { id }, control)
  return true
}

/**
 * Authorizes exactly these nodes from now on. While the list is being replaced nobody is let in, and clients retry.
 * @returns whether somebody lost access: then their connections are still open
 */
export async function authorize(client: QmpClient, want: Authorization, control: Control): Promise<boolean> {
  const names = await client.execute('qom-list', { path: '/objects' }, control)
  const there = names.some(({ name }) => name === AUTHZ_ID)
  const have = there
    ? Rules.parse(await client.execute('qom-get', { path: `/objects/${AUTHZ_ID}`, property: 'rules' }, control))
    : undefined
  const wanted = new Set(want.rules.map((r) => r.match))
  if (have?.length === wanted.size && have.every((r) => wanted.has(r.match))) return false
  if (there) await client.execute('object-del', { id: AUTHZ_ID }, control)
  await client.execute('object-add', want, control)
  // Without a list it is unknown who connected under the last one.
  return !have || have.some((r) => !wanted.has(r.match))
}

/** Ends all connections; `ensureExport` lets clients in again. */
export async function cutClients(client: QmpClient, control: Control): Promise<void> {
  if (!(await isExported(client, control))) return
  let ended!: () => void
  const deleted = new Promise<void>((resolve) => (ended = resolve))
  const stop = client.onEvent(({ name, data }: QmpEvent) => {
    if (name === 'BLOCK_EXPORT_DELETED' && data['id'] === EXPORT_ID) ended()
  })
  try {
    await client.execute('block-export-del', { id: EXPORT_ID, mode: 'hard' }, control)
    await within(Promise.race([deleted, client.closed]), control)
  } finally {
    stop()
  }
}

export async function ensureExport(client: QmpClient, id: string, control: Control): Promise<void> {
  if (await isExported(client, control)) return
  await client.execute('block-export-add', exportOptions(id), control)
}

/** Not possible while it is exported: an export fixes the size of its node. */
export async function resizeNode(client: QmpClient, sizeBytes: number, control: Control): Promise<void> {
  await client.execute('block_resize', { 'node-name': RESIZED_NODE, size: sizeBytes }, control)
}

async function isExported(client: QmpClient, control: Control): Promise<boolean> {
  const exports = await client.execute('query-block-exports', undefined, control)
  return exports.some(({ id }) => id === EXPORT_ID)
}
