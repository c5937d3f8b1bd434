// SPDX-License-Identifier: Apache-2.0
// Objects of any kind, applied without kubectl: the apiserver says under which path it has a kind.
import { GROUP } from '../../lib/api/kinds.ts'
import type { Api } from './api.ts'

export interface Manifest {
  apiVersion?: string
  kind: string
  metadata: { name: string; namespace?: string; annotations?: Record<string, string> }
}

export interface ServedKind {
  kind: string
  /** Plural; a subresource has a `/`. */
  name: string
  namespaced: boolean
}

/** Pure: where an object stands. @param served the kinds of its group and version @throws when its kind is not among them */
export function manifestPath(manifest: Manifest, served: readonly ServedKind[], namespace: string): string {
  const { apiVersion = '', kind, metadata } = manifest
  const found = served.find((s) => s.kind === kind && !s.name.includes('/'))
  if (!found) throw new Error(`the apiserver serves no ${kind} of ${apiVersion}`)
  const scope = found.namespaced ? `/namespaces/${metadata.namespace ?? namespace}` : ''
  return `${groupPath(apiVersion)}${scope}/${found.name}/${metadata.name}`
}

function groupPath(apiVersion: string): string {
  return apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
}

/**
 * Applies each on the server, namespaces and Kubernetes' own kinds before ours, which policies among them may be for.
 * @param namespace of objects that name none
 */
export async function applyManifests(api: Api, manifests: readonly Manifest[], namespace: string): Promise<void> {
  const served = new Map<string, readonly ServedKind[]>()
  for (const version of new Set(manifests.map((m) => m.apiVersion ?? ''))) {
    const list = await api.request<{ resources: ServedKind[] }>('GET', groupPath(version))
    served.set(version, list.resources)
  }
  const rank = (m: Manifest) => (m.kind === 'Namespace' ? 0 : m.apiVersion?.startsWith(`${GROUP}/`) ? 2 : 1)
  for (const manifest of [...manifests].sort((a, b) => rank(a) - rank(b))) {
    await api.apply(manifestPath(manifest, served.get(manifest.apiVersion ?? '') ?? [], namespace), manifest)
  }
}
