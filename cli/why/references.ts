// SPDX-License-Identifier: Apache-2.0
// What an object names, of whatever kind, by the names of its fields: `networkRef`, `securityGroupRefs`, `policyRefs`.
import { CUSTOM_KINDS } from '../../lib/api/kinds.ts'
import type { KubeObject, ObjectRef, ResourceKind } from '../../lib/kube/object.ts'

export interface NamedObject {
  kind: ResourceKind
  ref: ObjectRef
  /** The field that names it, such as `spec.networks[0].networkRef`. */
  field: string
}

/** Fields that do not have their kind's name. */
const OTHERWISE: Readonly<Record<string, string>> = {
  policy: 'FirewallPolicy',
  remotegroup: 'SecurityGroup',
  remoteaddressgroup: 'AddressGroup',
}

/** The kind that a field named `…Ref` or `…Refs` names; undefined where it is none of ours, such as a Secret. */
export function kindOfField(field: string): ResourceKind | undefined {
  const word = field.replace(/Refs?$/, '').toLowerCase()
  const name = (Object.hasOwn(OTHERWISE, word) ? (OTHERWISE[word] ?? word) : word).toLowerCase()
  return CUSTOM_KINDS.find(({ kind }) => kind.toLowerCase() === name)
}

/** All that `spec` names, each once, in the order of its fields. Pure. */
export function referencesOf({ metadata, spec }: KubeObject): NamedObject[] {
  const found = new Map<string, NamedObject>()
  walk(spec, 'spec')
  return [...found.values()]

  function walk(value: unknown, path: string): void {
    if (Array.isArray(value)) {
      for (const [i, one] of value.entries()) walk(one, `${path}[${i}]`)
      return
    }
    if (typeof value !== 'object' || value === null) return
    for (const [field, inner] of Object.entries(value)) {
      const at = `${path}.${field}`
      if (!/Refs?$/.test(field)) walk(inner, at)
      else if (Array.isArray(inner)) for (const [i, one] of inner.entries()) add(field, one, `${at}[${i}]`)
      else add(field, inner, at)
    }
  }

  function add(field: string, value: unknown, at: string): void {
    const kind = kindOfField(field)
    if (!kind || !isRef(value)) return
    const namespace = value.namespace ?? metadata.namespace
    const ref = kind.namespaced
      ? { name: value.name, ...(namespace === undefined ? {} : { namespace }) }
      : { name: value.name }
    const key = `${kind.plural}/${ref.namespace ?? ''}/${ref.name}`
    if (!found.has(key)) found.set(key, { kind, ref, field: at })
  }
}

function isRef(value: unknown): value is { name: string; namespace?: string } {
  return typeof value === 'object' && value !== null && 'name' in value && typeof value.name === 'string'
}
