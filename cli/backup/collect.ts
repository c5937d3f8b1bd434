// SPDX-License-Identifier: Apache-2.0
import { CUSTOM_KINDS, NAMESPACE, SECRET } from '../../lib/api/kinds.ts'
import { isNotFound } from '../../lib/kube/errors.ts'
import type { KubeObject, ResourceKind } from '../../lib/kube/object.ts'
import { pagesOf } from '../../lib/kube/pages.ts'
import type { Context } from '../command-line/command.ts'
import { pathOf, textOf } from './layout.ts'
import { namedSecrets } from './named-secrets.ts'

type Asked = Pick<Context, 'client' | 'signal' | 'progress'>

export interface Collected {
  /** The store's version that all but Secrets are of. */
  resourceVersion: string
  objects: number
  secrets: number
  /** `namespace/name` of Secrets that are named and not there. */
  missing: string[]
}

/**
 * Hands all objects of ours to `add`, as they were at one version of the store, with the namespaces that they are in and the Secrets that they
 * name; Secrets are read one by one, as they are a moment later.
 * @throws ApiError where anything may not be read: half a backup is none
 */
export async function collect(
  { client, signal, progress }: Asked,
  add: (path: string, text: string) => Promise<void>,
): Promise<Collected> {
  const { resourceVersion } = (await client.listPage(NAMESPACE, { limit: 1, signal })).metadata
  const used = new Set<string>()
  const named = new Map<string, { namespace: string; name: string }>()
  let objects = 0
  const addAll = async (kind: ResourceKind, isWanted: (object: KubeObject) => boolean = () => true) => {
    progress(`reading: ${kind.plural}`)
    for await (const page of pagesOf<KubeObject>(client, kind, { resourceVersion, isExactly: true, signal })) {
      for (const object of page.items.filter(isWanted)) {
        await add(pathOf(kind, object), textOf(kind, object))
        objects++
        const { namespace } = object.metadata
        if (namespace === undefined) continue
        used.add(namespace)
        for (const name of namedSecrets(kind, object)) named.set(`${namespace}/${name}`, { namespace, name })
      }
    }
  }
  for (const kind of CUSTOM_KINDS) await addAll(kind)
  await addAll(NAMESPACE, ({ metadata }) => used.has(metadata.name))
  const missing: string[] = []
  progress('reading: secrets')
  for (const [key, ref] of named) {
    try {
      const secret = await client.get<KubeObject>(SECRET, ref, { signal })
      await add(pathOf(SECRET, secret), textOf(SECRET, secret))
    } catch (error) {
      if (!isNotFound(error)) throw error
      missing.push(key)
    }
  }
  return { resourceVersion, objects, secrets: named.size - missing.length, missing }
}
