// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { CUSTOM_KINDS, GROUP, VERSION } from '../lib/api/kinds.ts'
import { placesOf } from './suite/places.ts'
import { RULE_CASES } from './suite/rule-cases.ts'
import { VALUE_RULES } from './suite/rules/values.ts'
import { SAMPLES } from './suite/samples.ts'
import { fieldsOf, isHeldFixed, readCrds, rootSchema, rulesOf, type Field } from './suite/schema.ts'

const CRDS = readCrds()
const FIELDS = CRDS.flatMap(fieldsOf)
const nameOf = (field: Field) => `${field.kind} ${field.path}`

test('the constants in lib/api name the kinds of crds/', () => {
  const found = CRDS.map(({ spec }) => ({
    group: spec.group,
    version: spec.versions[0]!.name,
    plural: spec.names.plural,
    kind: spec.names.kind,
    namespaced: spec.scope === 'Namespaced',
  }))
  const byKind = (a: { kind: string }, b: { kind: string }) => a.kind.localeCompare(b.kind)
  expect(found.sort(byKind)).toEqual([...CUSTOM_KINDS].sort(byKind))
  expect([GROUP, VERSION]).toEqual(['nephele.dev', 'v1alpha1'])
})

describe.each(CRDS.map((crd) => [crd.spec.names.kind, crd] as const))('%s', (kind, crd) => {
  const version = crd.spec.versions[0]!
  const fields = fieldsOf(crd)

  test('keeps the conventions of names', () => {
    expect(crd.metadata.name).toBe(`${crd.spec.names.plural}.nephele.dev`)
    expect(crd.spec.names.categories).toEqual(['nephele'])
    expect(crd.spec.names.shortNames.every((name) => name.startsWith('n'))).toBe(true)
    expect(version.selectableFields?.length ?? 0).toBeLessThanOrEqual(8)
    expect(version.additionalPrinterColumns.map((c) => c.name)).toContain('Age')
    const measures = version.additionalPrinterColumns.flatMap(({ name, jsonPath }) => {
      const unit = /(KiB|MiB|GiB|Bytes)$/.exec(jsonPath)?.[1]
      return unit === undefined ? [] : [{ name, unit }]
    })
    expect(measures.filter(({ name, unit }) => !name.endsWith(`-${unit}`))).toEqual([])
    // The apiserver prints what a path finds first, and nothing else.
    const ofLists = version.additionalPrinterColumns.filter(({ jsonPath }) => jsonPath.includes('[*]'))
    expect(ofLists.filter(({ name }) => !name.startsWith('First-'))).toEqual([])
  })

  test('every field has a description; those of spec say when a change has its effect', () => {
    const without = fields.filter((f) => !f.schema.description)
    expect(without.map(nameOf)).toEqual([])
    const unsaid = fields.filter(
      (f) => /^spec/.test(f.path) && !/ \*(live|restart|rebuild|immutable)\*$/.test(f.schema.description ?? ''),
    )
    expect(unsaid.map(nameOf)).toEqual([])
    const told = fields.filter(
      (f) => f.path.startsWith('status') && /\*(live|restart|rebuild|immutable)\*/.test(f.schema.description ?? ''),
    )
    expect(told.map(nameOf)).toEqual([])
  })

  test('what is called immutable is held by a rule, and nothing else is', () => {
    const held = (field: Field): boolean =>
      fields.some((f) => isHeldFixed(f, fields) && (field.path === f.path || isBelow(field.path, f.path)))
    const isSaid = (field: Field) => (field.schema.description ?? '').endsWith('*immutable*')
    const isGroup = (field: Field) => fields.some((f) => isBelow(f.path, field.path)) && !held(field)
    const wrong = fields.filter((f) => /^spec/.test(f.path) && isSaid(f) !== held(f) && !(isSaid(f) && isGroup(f)))
    // What only grows is no constant, though its rule reads the old object.
    expect(wrong.map(nameOf)).toEqual([])
  })

  test('every field of spec and status stands in a sample', () => {
    const samples = (SAMPLES[kind] ?? []).map(({ spec, status }) => ({ spec, ...(status ? { status } : {}) }))
    const missing = fields.filter(
      ({ path }) => /^(spec|status)/.test(path) && !samples.some((sample) => placesOf(sample, path).length > 0),
    )
    expect(missing.map(nameOf)).toEqual([])
  })

  test('every string, list and map is bounded', () => {
    const open = fields.filter(({ path, schema }) => {
      if (path === 'apiVersion' || path === 'kind') return false
      if (schema.type === 'string') return schema.maxLength === undefined && schema.enum === undefined
      if (schema.type === 'array')
        return schema.maxItems === undefined || schema['x-kubernetes-list-type'] === undefined
      return schema.additionalProperties !== undefined && schema.maxProperties === undefined
    })
    expect(open.map(nameOf)).toEqual([])
  })

  test('what tells the items of a list apart is written by whoever applies it', () => {
    const lists = fields.filter(({ schema }) => schema['x-kubernetes-list-map-keys'] !== undefined)
    const unwritten = lists.flatMap(({ path, schema }) =>
      (schema['x-kubernetes-list-map-keys'] ?? [])
        .filter(
          (key) =>
            schema.items?.required?.includes(key) !== true || schema.items.properties?.[key]?.default !== undefined,
        )
        .map((key) => `${path}[].${key}`),
    )
    // With a default a second server-side apply finds an item of no key that it knows, and takes it away or adds it again.
    expect(unwritten).toEqual([])
  })

  test('status is a subresource and atomic, as are its conditions', () => {
    const conditions = fields.find((f) => f.path === 'status.conditions')
    // A claim is a fact by itself: it has no status.
    const hasStatus = kind !== 'IPClaim'
    expect(conditions?.schema['x-kubernetes-list-type']).toBe(hasStatus ? 'atomic' : undefined)
    const status = fields.find((f) => f.path === 'status')
    // One writer replaces it as a whole: who owns which field of it is nothing that the apiserver need keep and compare.
    expect(status?.schema['x-kubernetes-map-type']).toBe(hasStatus ? 'atomic' : undefined)
    // To kstatus what has no observedGeneration is as its spec wants it; so it has one before anybody has looked at it.
    expect(status?.schema.default).toEqual(hasStatus ? {} : undefined)
    expect(fields.find((f) => f.path === 'status.observedGeneration')?.schema.default).toBe(hasStatus ? 0 : undefined)
    expect(version.subresources).toEqual(hasStatus ? { status: {} } : undefined)
    expect(rootSchema(crd).required).toEqual(['spec'])
  })
})

function isBelow(path: string, above: string): boolean {
  return path.startsWith(`${above}.`) || path.startsWith(`${above}[`)
}

describe('cases', () => {
  test('every CEL rule has one, and its message tells what to write', () => {
    const without = FIELDS.flatMap((field) =>
      rulesOf(field)
        .filter((rule) => !VALUE_RULES.some((v) => rule.message.includes(v.says)))
        .filter(
          (rule) =>
            !RULE_CASES.some((c) => c.kind === field.kind && c.path === field.path && rule.message.includes(c.says)),
        )
        .map((rule) => `${nameOf(field)}: ${rule.message}`),
    )
    expect(without).toEqual([])
    const advice = /\b(write|make|leave|choose|put|release)\b/
    const curt = FIELDS.flatMap((f) =>
      rulesOf(f)
        .filter((r) => !advice.test(r.message))
        .map((r) => `${nameOf(f)}: ${r.message}`),
    )
    expect(curt).toEqual([])
  })

  test('none is left over', () => {
    const stray = RULE_CASES.filter(
      (c) =>
        !FIELDS.some(
          (f) => f.kind === c.kind && f.path === c.path && rulesOf(f).some((r) => r.message.includes(c.says)),
        ),
    )
    expect(stray.map((c) => `${c.kind} ${c.path}: ${c.says}`)).toEqual([])
  })
})
