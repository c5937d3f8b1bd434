// SPDX-License-Identifier: Apache-2.0
import type { KubeObject, ResourceKind } from '../../lib/kube/object.ts'

/** What it names has been used, or is made anew: a password that was set, the token of a console. */
const PASSING = new Set(['InstanceAction', 'ConsoleAccess'])

/** The names of the Secrets of its own namespace that a spec refers to: all that is called `…SecretRef` or `…SecretRefs`. Pure. */
export function namedSecrets({ kind }: Pick<ResourceKind, 'kind'>, { spec }: KubeObject): string[] {
  return PASSING.has(kind) ? [] : [...new Set(find(spec))]
}

function find(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(find)
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => {
    if (!/SecretRefs?$/.test(key)) return find(inner)
    return [inner].flat().flatMap((ref: unknown) => (hasName(ref) ? [ref.name] : []))
  })
}

function hasName(ref: unknown): ref is { name: string } {
  return typeof ref === 'object' && ref !== null && 'name' in ref && typeof ref.name === 'string'
}
