// SPDX-License-Identifier: Apache-2.0
// The files that a kind has to itself, as small as they can be: they pass the compiler, and a test says what to write.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { KindNames } from './names.ts'

const TEMPLATES = join(import.meta.dirname, 'templates')

/**
 * Path → content.
 * @param pattern crds/keypairs.yaml, of whose status the common fields are taken
 */
export function renderKindFiles(names: KindNames, pattern: string): Map<string, string> {
  const words = {
    ...names,
    singular: names.kind.toLowerCase(),
    scope: names.isCluster ? 'Cluster' : 'Namespaced',
    more: names.isCluster ? `{ namespace: '', ...more }` : 'more',
    status: commonStatusOf(pattern),
  }
  const files = ['kind.ts', 'controller.ts', 'reconcile.ts', 'reconcile.test.ts'].map(
    (file) => [`operator/controllers/${names.folder}/${file}`, fill(file, words)] as const,
  )
  return new Map([[`crds/${names.plural}.yaml`, fill('definition.yaml', words)], ...files])
}

function fill(template: string, words: Readonly<Record<string, unknown>>): string {
  const text = readFileSync(join(TEMPLATES, `${template}.txt`), 'utf8')
  return text.replaceAll(/\{\{(\w+)\}\}/g, (_, word: string) => String(words[word]))
}

function commonStatusOf(pattern: string): string {
  const [start, end] = [pattern.indexOf('            status:\n'), pattern.indexOf('                fingerprint:\n')]
  if (start < 0 || end < start) throw new Error('crds/keypairs.yaml has no status that ends with its fingerprint')
  return pattern.slice(start, end)
}
