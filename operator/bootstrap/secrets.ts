// SPDX-License-Identifier: Apache-2.0
// Secrets and ConfigMaps that are made once and then kept.
import { SECRET } from '../../lib/api/kinds.ts'
import { isAlreadyExists, isConflict } from '../../lib/kube/errors.ts'
import type { KubeClient } from '../../lib/kube/client.ts'
import type { KubeObject, ResourceKind } from '../../lib/kube/object.ts'

/** Names and texts, decoded. */
export type Data = Record<string, string>

interface Stored extends KubeObject {
  type?: string
  data?: Data
}

export interface Keep {
  /** SECRET or CONFIG_MAP. */
  kind: ResourceKind
  name: string
  type?: string
  /** What it should hold, given what is there; the same object to leave it alone. */
  renew: (found: Data | undefined) => Promise<Data>
}

export interface Store {
  client: KubeClient
  namespace: string
  /** False: what is missing was lost, and only a person knows whether another one may be made. */
  mayCreate: boolean
}

const ATTEMPTS = 5

/**
 * The data as stored in the end. Two that run at once agree: whoever comes second takes what the first has made.
 * @throws when it is missing and may not be made
 */
export async function ensureData({ client, namespace, mayCreate }: Store, keep: Keep): Promise<Data> {
  for (let attempt = 1; ; attempt++) {
    const stored = await client.find<Stored>(keep.kind, { namespace, name: keep.name })
    if (!stored && !mayCreate)
      throw new Error(
        `${keep.kind.kind} ${namespace}/${keep.name} is gone: restore it from a backup, or let helm upgrade make another one, which nobody trusts who trusted the former`,
      )
    const found = stored && decode(keep.kind, stored.data ?? {})
    const wanted = await keep.renew(found)
    if (found !== undefined && wanted === found) return found
    try {
      await write(client, namespace, keep, stored, wanted)
      return wanted
    } catch (error) {
      if (attempt === ATTEMPTS || !(isAlreadyExists(error) || isConflict(error))) throw error
    }
  }
}

async function write(
  client: KubeClient,
  namespace: string,
  keep: Keep,
  stored: Stored | undefined,
  wanted: Data,
): Promise<void> {
  const data = encode(keep.kind, wanted)
  if (stored) {
    await client.update<Stored>(keep.kind, { ...stored, data })
    return
  }
  const labels = { 'app.kubernetes.io/part-of': 'nephele', 'app.kubernetes.io/managed-by': 'nephele' }
  const metadata = { namespace, name: keep.name, labels }
  await client.create<Stored>(keep.kind, { metadata, ...(keep.type ? { type: keep.type } : {}), data })
}

function encode(kind: ResourceKind, data: Data): Data {
  return kind === SECRET ? mapValues(data, (text) => Buffer.from(text).toString('base64')) : data
}

function decode(kind: ResourceKind, data: Data): Data {
  return kind === SECRET ? mapValues(data, (text) => Buffer.from(text, 'base64').toString('utf8')) : data
}

function mapValues(data: Data, to: (text: string) => string): Data {
  return Object.fromEntries(Object.entries(data).map(([name, text]) => [name, to(text)]))
}

export function keepUnless(
  isGood: (found: Data) => boolean | Promise<boolean>,
  make: () => Promise<Data>,
): Keep['renew'] {
  return async (found) => (found && (await isGood(found)) ? found : make())
}
