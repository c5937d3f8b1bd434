// SPDX-License-Identifier: Apache-2.0
// Reads crds/*.yaml as trees of fields, for the tests that ask something of every field or every rule.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

export interface Rule {
  rule: string
  message: string
  fieldPath?: string
}

export interface Schema {
  type?: string
  description?: string
  properties?: Record<string, Schema>
  items?: Schema
  additionalProperties?: Schema
  required?: string[]
  enum?: string[]
  pattern?: string
  format?: string
  minLength?: number
  maxLength?: number
  minimum?: number
  maximum?: number
  maxItems?: number
  maxProperties?: number
  default?: unknown
  'x-kubernetes-validations'?: Rule[]
  'x-kubernetes-list-type'?: string
  'x-kubernetes-map-type'?: string
  'x-kubernetes-list-map-keys'?: string[]
}

export interface Crd {
  metadata: { name: string; annotations?: Record<string, string> }
  spec: {
    group: string
    scope: 'Namespaced' | 'Cluster'
    names: { kind: string; plural: string; shortNames: string[]; categories: string[] }
    versions: {
      name: string
      subresources?: { status?: object }
      selectableFields?: { jsonPath: string }[]
      additionalPrinterColumns: { name: string; jsonPath: string }[]
      schema: { openAPIV3Schema: Schema }
    }[]
  }
}

/** A field of the schema; `path` is written as `spec.networks[].ipAddress`, `.*` for the values of a map; the root is empty. */
export interface Field {
  kind: string
  path: string
  schema: Schema
}

export const CRD_FOLDER = join(import.meta.dirname, '..')

export function readCrds(): Crd[] {
  const names = readdirSync(CRD_FOLDER).filter((name) => name.endsWith('.yaml'))
  return names.sort().map((name) => parse(readFileSync(join(CRD_FOLDER, name), 'utf8')) as Crd)
}

export function rootSchema(crd: Crd): Schema {
  const version = crd.spec.versions[0]
  if (!version) throw new Error(`${crd.metadata.name} has no version`)
  return version.schema.openAPIV3Schema
}

/** All fields of a kind but metadata, parents before children. */
export function fieldsOf(crd: Crd): Field[] {
  return walk(crd.spec.names.kind, '', rootSchema(crd)).filter((field) => field.path !== 'metadata')
}

function walk(kind: string, path: string, schema: Schema): Field[] {
  const fields: Field[] = [{ kind, path, schema }]
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    fields.push(...walk(kind, path === '' ? name : `${path}.${name}`, child))
  }
  if (schema.items) fields.push(...walk(kind, `${path}[]`, schema.items))
  if (schema.additionalProperties) fields.push(...walk(kind, `${path}.*`, schema.additionalProperties))
  return fields
}

export function rulesOf(field: Field): Rule[] {
  return field.schema['x-kubernetes-validations'] ?? []
}

/** Can this field not change, by a rule of its own or of the object that holds it? Ancestors are not looked at. */
export function isHeldFixed(field: Field, fields: readonly Field[]): boolean {
  if (rulesOf(field).some((rule) => rule.rule === 'self == oldSelf')) return true
  const dot = field.path.lastIndexOf('.')
  const parent = fields.find((f) => f.path === field.path.slice(0, Math.max(dot, 0)))
  const name = field.path.slice(dot + 1)
  // A required field with one possible value.
  if (field.schema.enum?.length === 1 && parent?.schema.required?.includes(name)) return true
  // By the whole object's rule, which can compare with the status.
  const root = fields.find((f) => f.path === '')
  // What only grows is no constant, nor what may change once the status has something.
  const fixes = ({ rule }: { rule: string }) =>
    rule.includes(`oldSelf.${field.path}`) &&
    !/\|\| has\(oldSelf\.status\./.test(rule) &&
    !rule.includes(`>= oldSelf.${field.path}`)
  if (dot > 0 && root && rulesOf(root).some(fixes)) return true
  return dot > 0 && parent !== undefined && rulesOf(parent).some((rule) => rule.rule.includes(`oldSelf.${name}`))
}
