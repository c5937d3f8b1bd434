// SPDX-License-Identifier: Apache-2.0
// What the schema lets in, something acts on: each field of a spec is read by the source of operator, agents or what they share.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { fieldsOf, readCrds } from './suite/schema.ts'

const ROOT = join(import.meta.dirname, '..')
const SOURCE = ['operator', 'agents', 'lib']
  .flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(ROOT, folder, name)),
  )
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts') && !path.includes('/testing/'))
  .map((path) => readFileSync(path, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, ''))
  .join('\n')

/** Read by others, and why. */
const BY_OTHERS: Readonly<Record<string, string>> = {
  description: 'for people',
  segmentationType: 'it has one value, which says what segmentationID is',
  deletionProtection: 'by the admission policy of that name',
  dnsName: 'by ExternalDNS',
}

/** As a property, or as what a spec is taken apart into; in a type it is followed by a colon and no value. */
function isRead(name: string): boolean {
  return new RegExp(`[.]${name}\\b|[{,]\\s*${name}\\b\\s*(=[^>]|[,}]|:\\s*[a-z{[])|'${name}'`).test(SOURCE)
}

describe.each(readCrds().map((crd) => [crd.spec.names.kind, crd] as const))('%s', (_, crd) => {
  const names = fieldsOf(crd)
    .map(({ path }) => path)
    // Of a map the values are read with it.
    .filter((path) => path.startsWith('spec.') && !path.endsWith('*'))
    .map((path) => path.split('.').at(-1)!.replace(/\[.*$/, ''))
  const acted = [...new Set(names)].filter((name) => !(name in BY_OTHERS))
  test('its spec has a field that something acts on: write it in crds/', () => expect(acted).not.toEqual([]))
  for (const name of acted)
    test(`spec: ${name}`, () => expect({ name, isRead: isRead(name) }).toEqual({ name, isRead: true }))
})
