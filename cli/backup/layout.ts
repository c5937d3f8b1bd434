// SPDX-License-Identifier: Apache-2.0
// The layout of Velero's archives, format version 1.1.0: https://velero.io/docs/main/output-file-format/. Pure.
import { createHash } from 'node:crypto'
import type { KubeObject, ResourceKind } from '../../lib/kube/object.ts'
import { resourceOf } from '../../lib/kube/paths.ts'

export const FORMAT_FILE = 'metadata/version'
export const FORMAT_VERSION = '1.1.0'

/** `resources/instances.nephele.dev/namespaces/team/web.json`, `resources/flavors.nephele.dev/cluster/small.json`. */
export function pathOf(kind: ResourceKind, { metadata }: KubeObject): string {
  const scope = kind.namespaced ? `namespaces/${metadata.namespace ?? ''}` : 'cluster'
  return `resources/${resourceOf(kind)}/${scope}/${fileOf(metadata.name)}`
}

/** No file system takes more (NAME_MAX), and a name in Kubernetes may have 253 characters. */
const MOST_CHARACTERS = 255

function fileOf(name: string): string {
  const file = `${name}.json`
  if (file.length <= MOST_CHARACTERS) return file
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 16)
  return `${name.slice(0, 200)}.${digest}.json`
}

/** The whole object, status and UID included. */
export function textOf({ group, version, kind }: ResourceKind, object: KubeObject): string {
  return JSON.stringify({ apiVersion: group === '' ? version : `${group}/${version}`, kind, ...object })
}
