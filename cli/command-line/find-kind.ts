// SPDX-License-Identifier: Apache-2.0
// Which kind a word names, as kubectl takes it: kind, plural, singular, short name, with or without the group.
import type { KubeObject, ObjectRef, ResourceKind } from '../../lib/kube/object.ts'
import { CUSTOM_KINDS, GROUP, SHORT_NAMES } from '../../lib/api/kinds.ts'
import { UsageError, type Context } from './command.ts'

/** @throws UsageError for a word that names no kind of ours */
export function findKind(word: string): ResourceKind {
  const name = word.toLowerCase().replace(new RegExp(`\\.${GROUP.replace('.', '\\.')}$`), '')
  const found = CUSTOM_KINDS.find(
    ({ kind, plural }) => kind.toLowerCase() === name || plural === name || (SHORT_NAMES[plural] ?? []).includes(name),
  )
  if (found) return found
  throw new UsageError(`there is no kind "${word}": kubectl api-resources --api-group=${GROUP} lists them`)
}

/** `KIND NAME` or `KIND/NAME`; one word alone is an Instance. @throws UsageError */
export function parseObject(words: readonly string[]): { kind: ResourceKind; name: string } {
  const [first = '', second] = words
  const slash = first.indexOf('/')
  if (slash >= 0 && second === undefined) return { kind: findKind(first.slice(0, slash)), name: first.slice(slash + 1) }
  if (second === undefined) return { kind: findKind('Instance'), name: first }
  return { kind: findKind(first), name: second }
}

/** Where to look for an object of the kind. */
function refIn(kind: ResourceKind, name: string, namespace: string): ObjectRef {
  return kind.namespaced ? { namespace, name } : { name }
}

/** @throws UsageError when there is none */
export async function getObject<T extends KubeObject>(
  { client, namespace, signal }: Pick<Context, 'client' | 'namespace' | 'signal'>,
  kind: ResourceKind,
  name: string,
): Promise<T> {
  const found = await client.find<T>(kind, refIn(kind, name, namespace), { signal })
  if (found) return found
  throw noSuchObject(kind, name, namespace)
}

export function noSuchObject({ kind, namespaced }: ResourceKind, name: string, namespace: string): UsageError {
  return new UsageError(
    `there is no ${kind} "${name}"${namespaced ? ` in namespace "${namespace}" (-n chooses another)` : ''}`,
  )
}
