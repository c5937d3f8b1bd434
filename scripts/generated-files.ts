// SPDX-License-Identifier: Apache-2.0
// What is made from crds/*.yaml: the TypeScript types and the chart's copies. scripts/generate.ts writes it, scripts/verify.ts
// compares it. The tool was chosen in docs/decisions/0005-types-from-crds.md.
import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { compile, type JSONSchema } from 'json-schema-to-typescript'
import { parse } from 'yaml'

export const ROOT = join(import.meta.dirname, '..')
export const TYPES_FOLDER = 'crds/generated'
const CHART_CRDS_FOLDER = 'charts/nephele/files/crds'

interface Crd {
  spec: {
    names: { kind: string }
    versions: { name: string; schema: { openAPIV3Schema: { properties: Record<string, JSONSchema | undefined> } } }[]
  }
}

/** Path below the repository → content, for every generated file. Pure but for reading crds/. */
export async function renderGeneratedFiles(): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  const names = (await readdir(join(ROOT, 'crds'))).filter((name) => name.endsWith('.yaml')).sort()
  for (const name of names) {
    const text = await readFile(join(ROOT, 'crds', name), 'utf8')
    const crd = parse(text) as Crd
    files.set(`${TYPES_FOLDER}/${crd.spec.names.kind.toLowerCase()}.ts`, await renderTypes(crd, name))
    files.set(`${CHART_CRDS_FOLDER}/${name}`, text)
  }
  return files
}

/** The files that are there but that nothing makes any more. */
export async function listStrays(files: ReadonlyMap<string, string>): Promise<string[]> {
  const found: string[] = []
  for (const folder of [TYPES_FOLDER, CHART_CRDS_FOLDER]) {
    const entries = await readdir(join(ROOT, folder)).catch(() => [])
    found.push(...entries.map((entry) => `${folder}/${basename(entry)}`))
  }
  return found.filter((path) => !files.has(path))
}

async function renderTypes(crd: Crd, source: string): Promise<string> {
  const kind = crd.spec.names.kind
  const version = crd.spec.versions[0]
  if (!version || crd.spec.versions.length !== 1) throw new Error(`${source}: one version is expected`)
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
