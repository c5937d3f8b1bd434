// SPDX-License-Identifier: Apache-2.0
// docs/values.md, made from the comments of the chart's values.yaml, and of its schema where they say nothing.
import { isMap, isScalar, parseDocument, stringify, type YAMLMap } from 'yaml'

export const CHART_VALUES = 'charts/nephele/values.yaml'
export const CHART_SCHEMA = 'charts/nephele/values.schema.json'
export const VALUES_PAGE = 'docs/values.md'

const HEAD = `# Values of the chart

Made from \`${CHART_VALUES}\` by \`npm run generate\`. Do not edit. How to install with values of your own: [install](install.md#install). What is not here is refused
([\`values.schema.json\`](../${CHART_SCHEMA})), and so is what can never work.
`

/** The part of JSON Schema that the chart's schema is written in. */
export interface ValueSchema {
  description?: string
  $ref?: string
  properties?: Record<string, ValueSchema>
  definitions?: Record<string, ValueSchema>
}

export interface ChartValue {
  /** As \`--set\` takes it. */
  path: string
  /** In YAML, in one line. */
  standard: string
  text: string
}

/** Every value that may be set, in the order of values.yaml: what is not a map, and maps that are set as a whole, such as resources. */
export function listValues(yaml: string, schema: ValueSchema): ChartValue[] {
  return valuesBelow(parseDocument(yaml).contents as YAMLMap, '', schema, schema)
}

/** Pure. @throws when a value is said nowhere */
export function renderValuesPage(yaml: string, schemaText: string): string {
  const schema = JSON.parse(schemaText) as ValueSchema
  const values = listValues(yaml, schema)
  const sections = [...new Set(values.map(({ path }) => firstOf(path)))].map((section) => {
    const rows = values
      .filter(({ path }) => firstOf(path) === section)
      .map(({ path, standard, text }) => {
        if (text === '') throw new Error(`${CHART_VALUES}: nothing is said of ${path}, there or in the schema`)
        return `| \`${path}\` | \`${standard}\` | ${text.replaceAll('|', '\\|')} |`
      })
    return `\n## ${section}\n\n| value | default | |\n| --- | --- | --- |\n${rows.join('\n')}\n`
  })
  return HEAD + sections.join('')
}

function valuesBelow(map: YAMLMap, prefix: string, schema: ValueSchema, root: ValueSchema): ChartValue[] {
  return map.items.flatMap((pair, at) => {
    const key = String(isScalar(pair.key) ? pair.key.value : pair.key)
    const path = prefix + key
    const of = resolve(schema.properties?.[key], root)
    const isWhole =
      !isMap(pair.value) || pair.value.items.length === 0 || key === 'resources' || of.properties === undefined
    if (!isWhole) return valuesBelow(pair.value as YAMLMap, `${path}.`, of, root)
    // The comment before a map's first key is the map's.
    const own = (isScalar(pair.key) ? pair.key.commentBefore : undefined) ?? (at === 0 ? map.commentBefore : undefined)
    const text =
      own === undefined || own === null
        ? (of.description ?? '')
        : own
            .split('\n')
            .map((line) => line.trim())
            .join(' ')
    const value = stringify(pair.value, { collectionStyle: 'flow', lineWidth: 0 }).trim()
    return [{ path, standard: value, text }]
  })
}

function resolve(schema: ValueSchema | undefined, root: ValueSchema): ValueSchema {
  const name = schema?.$ref?.replace('#/definitions/', '')
  return (name === undefined ? schema : root.definitions?.[name]) ?? {}
}

function firstOf(path: string): string {
  return path.split('.')[0] ?? ''
}
