// SPDX-License-Identifier: Apache-2.0
import { createReadStream } from 'node:fs'
import { createGunzip } from 'node:zlib'
import { CUSTOM_KINDS, NAMESPACE, SECRET } from '../../lib/api/kinds.ts'
import { apiVersionOf, type KubeObject, type ResourceKind } from '../../lib/kube/object.ts'
import { resourceOf } from '../../lib/kube/paths.ts'
import { FORMAT_FILE } from '../backup/layout.ts'
import { ArchiveError } from './archive-error.ts'
import { depthOf } from './json-depth.ts'
import { quote, readTar, type TarBounds } from './tar-entries.ts'

export interface Archived<T extends KubeObject = KubeObject> {
  kind: ResourceKind
  object: T
}

/** An object has less: etcd takes 1.5 MiB of one. */
const BOUNDS: TarBounds = { entries: 1_000_000, fileBytes: 3 * 2 ** 20, totalBytes: 4 * 2 ** 30 }
/** Of all that is kept in memory. */
const MOST_KEPT_BYTES = 256 * 2 ** 20
/** No schema of ours goes half as deep. */
const MOST_DEPTH = 48
const NAME = /^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$/

export interface ReadBounds extends TarBounds {
  keptBytes: number
}

/** Of one kind by its folder, `instances.nephele.dev`; anything else in the archive is not ours to restore. */
const KINDS = new Map([...CUSTOM_KINDS, NAMESPACE, SECRET].map((kind) => [resourceOf(kind), kind]))

/** All objects of ours in an archive of Velero's layout, ours or Velero's own. @throws ArchiveError for one that is none, or hostile */
export async function readArchive(
  file: string,
  { keptBytes, ...bounds }: ReadBounds = { ...BOUNDS, keptBytes: MOST_KEPT_BYTES },
): Promise<Archived[]> {
  const raw = createReadStream(file)
  const unpacked = createGunzip()
  raw.on('error', (error) => unpacked.destroy(error))
  raw.pipe(unpacked)
  const found = new Map<string, Archived>()
  let kept = 0
  let isBackup = false
  try {
    const isWanted = (path: string) => kindOf(path) !== undefined
    for await (const { path, bytes } of readTar(unpacked, bounds, isWanted)) {
      isBackup ||= plain(path) === FORMAT_FILE
      const kind = kindOf(path)
      if (!bytes || !kind) continue
      kept += bytes.length
      if (kept > keptBytes) throw new ArchiveError(`it has more than ${keptBytes} bytes of objects`)
      const object = parseObject(path, bytes.toString('utf8'), kind)
      const key = `${resourceOf(kind)}/${object.metadata.namespace ?? ''}/${object.metadata.name}`
      if (found.has(key)) throw new ArchiveError(`it has ${key} twice`)
      found.set(key, { kind, object })
    }
  } catch (error) {
    throw asArchiveError(error)
  } finally {
    raw.destroy()
    unpacked.destroy()
  }
  if (!isBackup) throw new ArchiveError(`it has no ${FORMAT_FILE}, so it is no backup`)
  return [...found.values()]
}

function plain(path: string): string {
  return path.replace(/^\.\//, '')
}

/** Velero adds a copy of each object by its API version (`v1-preferredversion/`), which is passed over. */
function kindOf(path: string): ResourceKind | undefined {
  const [top, resource = '', scope, ...rest] = plain(path).split('/')
  if (top !== 'resources' || !path.endsWith('.json')) return undefined
  const isObject = (scope === 'namespaces' && rest.length === 2) || (scope === 'cluster' && rest.length === 1)
  return isObject ? KINDS.get(resource) : undefined
}

/** @throws ArchiveError unless it is an object of the kind, where its path says */
function parseObject(path: string, text: string, kind: ResourceKind): KubeObject {
  const depth = depthOf(text)
  if (depth > MOST_DEPTH) throw new ArchiveError(`${quote(path)} is nested deeper than any object`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new ArchiveError(`${quote(path)} is no JSON`)
  }
  if (!isObjectOf(value, kind)) throw new ArchiveError(`${quote(path)} is no ${kind.kind} of ${apiVersionOf(kind)}`)
  const { namespace, name } = value.metadata
  const [, , scope, folder] = plain(path).split('/')
  const isThere = kind.namespaced ? scope === 'namespaces' && folder === namespace : namespace === undefined
  if (!isThere || !NAME.test(name)) throw new ArchiveError(`${quote(path)} has another name or namespace than its path`)
  return value
}

function isObjectOf(value: unknown, { kind, ...rest }: ResourceKind): value is KubeObject {
  if (!isRecord(value) || !isRecord(value['metadata'])) return false
  const { metadata } = value
  return (
    value['kind'] === kind &&
    value['apiVersion'] === apiVersionOf({ kind, ...rest }) &&
    typeof metadata['name'] === 'string' &&
    ['string', 'undefined'].includes(typeof metadata['namespace']) &&
    ['spec', 'status'].every((part) => value[part] === undefined || isRecord(value[part]))
  )
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function asArchiveError(error: unknown): unknown {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : ''
  if (code.startsWith('Z_')) return new ArchiveError('it is not compressed by gzip, or broken')
  if (code === 'ENOENT') return new ArchiveError('there is no such file')
  if (code === 'EISDIR') return new ArchiveError('it is a folder')
  return error
}
