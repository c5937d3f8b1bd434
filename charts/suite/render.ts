// SPDX-License-Identifier: Apache-2.0
// The chart as Helm renders it.
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { exec } from '../../lib/exec.ts'
import { programPath } from '../../local/build/programs.ts'

export const CHART = join(import.meta.dirname, '..', 'nephele')

export interface PolicyRule {
  apiGroups?: string[]
  resources?: string[]
  resourceNames?: string[]
  nonResourceURLs?: string[]
  verbs: string[]
}

export interface Manifest {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string; labels?: Record<string, string>; annotations?: Record<string, string> }
  rules?: PolicyRule[]
  subjects?: { kind: string; name: string; namespace?: string }[]
  roleRef?: { name: string }
  spec?: Record<string, unknown>
  data?: Record<string, string>
}

export async function helm(args: readonly string[]): Promise<string> {
  const { stdout } = await exec([await programPath('helm'), ...args], { timeoutMs: 60_000 })
  return stdout
}

/** Values as `key=value`, as --set takes them. */
export async function renderChart(...values: string[]): Promise<Manifest[]> {
  const sets = values.flatMap((value) => ['--set', value])
  const text = await helm(['template', 'nephele', CHART, '--namespace', 'nephele-system', ...sets])
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest): manifest is Manifest => manifest !== null)
}

export const isHook = (manifest: Manifest) => manifest.metadata.annotations?.['helm.sh/hook'] !== undefined
