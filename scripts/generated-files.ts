// SPDX-License-Identifier: Apache-2.0
// What is made from crds/*.yaml: the TypeScript types, the kinds of lib/api, the client's kinds, the chart's copies, Argo CD's settings and the page of the chart's values. scripts/generate.ts writes it,
// scripts/verify.ts compares it. The tool was chosen in docs/decisions/0005-types-from-crds.md.
import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { compile, type JSONSchema } from 'json-schema-to-typescript'
import { parse } from 'yaml'
import { CLIENT_TYPES_FOLDER, renderClient, type ClientKind } from './client-package.ts'
import { ARGO_SETTINGS, HEALTH_SCRIPT, renderArgoSettings } from './argo-health.ts'
import { CHART_SCHEMA, CHART_VALUES, renderValuesPage, VALUES_PAGE } from './chart-values.ts'
import { renderKinds, renderTypedKinds, type KindCrd } from './api-kinds.ts'

export const ROOT = join(import.meta.dirname, '..')
export const TYPES_FOLDER = 'crds/generated'
const API_FOLDER = 'lib/api/generated'
const CHART_CRDS_FOLDER = 'charts/nephele/files/crds'

interface CrdVersion {
  name: string
  schema: { openAPIV3Schema: { description?: string; properties: Record<string, JSONSchema | undefined> } }
}

interface Crd {
  spec: KindCrd['spec'] & { versions: CrdVersion[] }
}

/** Path below the repository → content, for every generated file. Pure but for reading crds/. */
export async function renderGeneratedFiles(): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  const clientKinds: ClientKind[] = []
  const crds: Crd[] = []
  const names = (await readdir(join(ROOT, 'crds'))).filter((name) => name.endsWith('.yaml')).sort()
  for (const name of names) {
    const text = await readFile(join(ROOT, 'crds', name), 'utf8')
    const crd = parse(text) as Crd
    crds.push(crd)
    const version = onlyVersion(crd, name)
    const types = await renderTypes(crd.spec.names.kind, version, name)
    files.set(`${TYPES_FOLDER}/${crd.spec.names.kind.toLowerCase()}.ts`, types)
    files.set(`${CHART_CRDS_FOLDER}/${name}`, text)
    clientKinds.push(toClientKind(crd, version, types))
  }
  files.set(`${API_FOLDER}/kinds.ts`, renderKinds(crds))
  files.set(`${API_FOLDER}/types.ts`, renderTypedKinds(crds))
  const script = await readFile(join(ROOT, HEALTH_SCRIPT), 'utf8')
  files.set(
    ARGO_SETTINGS,
    renderArgoSettings(
      script,
      crds.map(({ spec: { group, names } }) => `${group}_${names.kind}`),
    ),
  )
  const [values, schema] = await Promise.all(
    [CHART_VALUES, CHART_SCHEMA].map((path) => readFile(join(ROOT, path), 'utf8')),
  )
  files.set(VALUES_PAGE, renderValuesPage(values ?? '', schema ?? ''))
  return new Map([...files, ...renderClient(clientKinds)])
}

function onlyVersion(crd: Crd, source: string): CrdVersion {
  const [version, ...others] = crd.spec.versions
  if (!version || others.length > 0) throw new Error(`${source}: one version is expected`)
  return version
}

function toClientKind(
  { spec: { group, names } }: Crd,
  { name: version, schema }: CrdVersion,
  types: string,
): ClientKind {
  const { description = names.kind, properties } = schema.openAPIV3Schema
  const hasStatus = properties['status'] !== undefined
  return { group, version, kind: names.kind, plural: names.plural, description, hasStatus, types }
}

/** The files that are there but that nothing makes any more. */
export async function listStrays(files: ReadonlyMap<string, string>): Promise<string[]> {
  const found: string[] = []
  for (const folder of [TYPES_FOLDER, API_FOLDER, CLIENT_TYPES_FOLDER, CHART_CRDS_FOLDER]) {
    const entries = await readdir(join(ROOT, folder)).catch(() => [])
    found.push(...entries.map((entry) => `${folder}/${basename(entry)}`))
  }
  return found.filter((path) => !files.has(path))
}

async function renderTypes(kind: string, version: CrdVersion, source: string): Promise<string> {
  const properties: Record<string, JSONSchema> = {}
  for (const part of ['spec', 'status'] as const) {
    const schema = version.schema.openAPIV3Schema.properties[part]
    if (schema) properties[part] = { ...schema, title: kind + (part === 'spec' ? 'Spec' : 'Status') }
  }
  const body = await compile({ type: 'object', properties }, `${kind}Schema`, {
    additionalProperties: false,
    bannerComment: '',
    // Bounds are the apiserver's to check; tuples of up to 24 items would be all that they gave here.
    ignoreMinAndMaxItems: true,
    style: { semi: false, singleQuote: true, printWidth: 120, trailingComma: 'all' },
  })
  return `// SPDX-License-Identifier: Apache-2.0\n// Made from crds/${source} by \`npm run generate\`. Do not edit.\n\n${body}`
}

/** Paths that are missing, edited, stale or left over; empty when all is as crds/ makes it. */
export async function findStale(files: ReadonlyMap<string, string>): Promise<string[]> {
  const wrong: string[] = []
  for (const [path, content] of files) {
    const found = await readFile(join(ROOT, path), 'utf8').catch(() => undefined)
    if (found !== content) wrong.push(path)
  }
  return [...wrong, ...(await listStrays(files))]
}
