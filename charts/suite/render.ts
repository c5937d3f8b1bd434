// SPDX-License-Identifier: Apache-2.0
// The chart as Helm renders it.
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { exec } from '../../lib/exec.ts'
import { programPath } from '../../local/build/programs.ts'

const CHART = join(import.meta.dirname, '..', 'nephele')
const RELEASE = ['nephele', CHART, '--namespace', 'nephele-system']

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

async function helm(args: readonly string[]): Promise<string> {
  const { stdout } = await exec([await programPath('helm'), ...args], { timeoutMs: 60_000 })
  return stdout
}

/** Values as `key=value`, as --set takes them. */
export async function renderChart(...values: string[]): Promise<Manifest[]> {
  const sets = values.flatMap((value) => ['--set', value])
  const text = await helm(['template', ...RELEASE, ...sets])
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest): manifest is Manifest => manifest !== null)
}

/** The policy that gives objects the operator's finalizer when they are made, as an apiserver takes it that has the beta of its kind. */
export function renderHeldFromTheStart(): Promise<string> {
  return renderWithMutatingPolicies('templates/policies/held-from-the-start.yaml')
}

/** The policies about who asked for something, the same. */
export function renderRequestedBy(): Promise<string> {
  return renderWithMutatingPolicies('templates/policies/requested-by.yaml')
}

function renderWithMutatingPolicies(file: string): Promise<string> {
  const served = 'admissionregistration.k8s.io/v1beta1/MutatingAdmissionPolicy'
  return helm(['template', ...RELEASE, '--api-versions', served, '--show-only', file])
}

export const isHook = (manifest: Manifest) => manifest.metadata.annotations?.['helm.sh/hook'] !== undefined
