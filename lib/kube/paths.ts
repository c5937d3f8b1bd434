// SPDX-License-Identifier: Apache-2.0
import type { ObjectRef, ResourceKind } from './object.ts'

/**
 * The URL path of a collection or an object. Names come from users and from other objects' references: each is one encoded segment, and
 * names that a path would swallow are refused.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
 */
export function collectionPath(kind: ResourceKind, namespace?: string): string {
  const root = kind.group === '' ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`
  if (!kind.namespaced || !namespace) return `${root}/${kind.plural}`
  return `${root}/namespaces/${segment(namespace)}/${kind.plural}`
}

export function objectPath(kind: ResourceKind, ref: ObjectRef, subresource?: 'status'): string {
  if (kind.namespaced && !ref.namespace) throw new TypeError(`${kind.kind} ${ref.name}: a namespace is needed`)
  const path = `${collectionPath(kind, ref.namespace)}/${segment(ref.name)}`
  return subresource ? `${path}/${subresource}` : path
}

function segment(name: string): string {
  if (name === '' || name === '.' || name === '..') throw new TypeError(`not a name: ${JSON.stringify(name)}`)
  return encodeURIComponent(name)
}

/** The query string, including `?`, of all defined parameters. */
export function queryOf(parameters: Record<string, string | number | boolean | undefined>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) query.set(name, String(value))
  const text = query.toString()
  return text === '' ? '' : `?${text}`
}

/** As RBAC and people name it: `instances.nephele.dev`. */
export function resourceOf(kind: ResourceKind): string {
  return kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`
}
