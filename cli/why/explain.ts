// SPDX-License-Identifier: Apache-2.0
// Why an object is as it is, in sentences: what its conditions say, and why what it names is not ready. Pure, but for `find`.
import { COMPUTE_NODE } from '../../lib/api/kinds.ts'
import { findCondition, type Condition } from '../../lib/conditions.ts'
import {
  keyOfRef,
  type CommonStatus,
  type KubeObject,
  type ObjectRef,
  type ResourceKind,
} from '../../lib/kube/object.ts'
import { ageOf } from '../output/age.ts'
import { referencesOf } from './references.ts'

export type Described = KubeObject<unknown, CommonStatus & Placement>

interface Placement {
  node?: string
  scheduling?: { total?: number; filters?: { name: string; refused: number; example?: string }[] }
  pendingChanges?: string[]
  pendingReleases?: { node: string }[]
}

/** `forbidden`: the user may not read it. */
export type Looked = Described | 'missing' | 'forbidden'
export type Find = (kind: ResourceKind, ref: ObjectRef) => Promise<Looked>

export interface Explained {
  /** `Instance team/web`. */
  what: string
  ready: boolean
  /** Sentences. */
  says: string[]
  /** What it names, or stands on, that is not as it should be. */
  because: Explained[]
}

/** Conditions of these types are told by the first sentence, or are stages that everything passes. */
const TOLD: readonly string[] = ['Ready', 'Reconciling', 'Stalled']
/** Deep enough for Instance → Port → Network → ProviderNetwork → Cloud, and an end for what names itself. */
const MOST_DEEP = 6

export async function explain(kind: ResourceKind, object: Described, find: Find, now: Date): Promise<Explained> {
  const seen = new Set<string>()
  return explainOne(kind, object, 0)

  async function explainOne(kind: ResourceKind, object: Described, depth: number): Promise<Explained> {
    seen.add(keyFor(kind, object.metadata))
    const because: Explained[] = []
    if (depth < MOST_DEEP)
      for (const { kind: of, ref, field } of [...referencesOf(object), ...placeOf(object)]) {
        if (seen.has(keyFor(of, ref))) continue
        seen.add(keyFor(of, ref))
        const found = await find(of, ref)
        if (found === 'forbidden') continue
        if (found === 'missing') because.push(missing(of, ref, field))
        else {
          const explained = await explainOne(of, found, depth + 1)
          if (!explained.ready || explained.because.length > 0) because.push(explained)
        }
      }
    return { what: nameOf(kind, object.metadata), ready: isReady(object), says: sentences(object, now), because }
  }
}

/** The node that a machine or volume is on. */
function placeOf({ status }: Described): { kind: ResourceKind; ref: ObjectRef; field: string }[] {
  return status?.node === undefined ? [] : [{ kind: COMPUTE_NODE, ref: { name: status.node }, field: 'status.node' }]
}

function missing(kind: ResourceKind, ref: ObjectRef, field: string): Explained {
  return { what: nameOf(kind, ref), ready: false, says: [`does not exist (named in ${field}).`], because: [] }
}

function sentences(object: Described, now: Date): string[] {
  const { metadata, status } = object
  const ready = findCondition(status?.conditions, 'Ready')
  const says = [headline(object, ready, now)]
  if (isStale(object)) says.push('The change of its spec has not been looked at yet: is the operator running?')
  for (const { type, status: is, reason, message } of status?.conditions ?? []) {
    if (TOLD.includes(type) || (is === 'True' && !isWarning(type)) || message === ready?.message) continue
    says.push(`${type} is ${is} (${reason}): ${message}`)
  }
  for (const { name, refused, example } of status?.scheduling?.filters ?? [])
    if (status?.node === undefined)
      says.push(
        `${name} refused ${refused} of ${status?.scheduling?.total ?? '?'} nodes: ${example ?? 'it says no more'}`,
      )
  if (status?.pendingChanges?.length) says.push(`Waits for its next start: ${status.pendingChanges.join(', ')}.`)
  if (metadata.deletionTimestamp !== undefined)
    says.push(
      `It is being deleted since ${ageOf(metadata.deletionTimestamp, now)}; finalizers: ${(metadata.finalizers ?? []).join(', ') || 'none'}.`,
    )
  return says
}

function headline({ status, metadata }: Described, ready: Condition | undefined, now: Date): string {
  const state = status?.state ?? ''
  const place = status?.node === undefined ? '' : ` on ${status.node}`
  if (!ready)
    return `${state || 'unknown'}${place}: nothing has been said of it for ${ageOf(metadata.creationTimestamp, now)}. Is the operator running?`
  const since = ageOf(ready.lastTransitionTime, now)
  if (ready.status === 'True') return `${state || 'ready'}${place}, ready for ${since}.`
  const stalled = findCondition(status?.conditions, 'Stalled')?.status === 'True'
  const what = stalled ? 'will not get ready by itself' : 'is not ready'
  return `${state || 'unknown'}${place}, ${what}, for ${since} (${ready.reason}): ${ready.message}`
}

/** Conditions that tell of something amiss while they are True. */
function isWarning(type: string): boolean {
  return /Pending$|Stalled|Drift|Broken|Conflict/.test(type)
}

function isReady({ metadata, status }: Described): boolean {
  return metadata.deletionTimestamp === undefined && findCondition(status?.conditions, 'Ready')?.status === 'True'
}

function isStale({ metadata, status }: Described): boolean {
  const { generation } = metadata
  return generation !== undefined && status?.observedGeneration !== undefined && status.observedGeneration < generation
}

function nameOf(kind: ResourceKind, ref: ObjectRef): string {
  return `${kind.kind} ${keyOfRef({ namespace: kind.namespaced ? ref.namespace : undefined, name: ref.name })}`
}

function keyFor(kind: ResourceKind, ref: ObjectRef): string {
  return `${kind.plural}/${ref.namespace ?? ''}/${ref.name}`
}

/** Indented lines. */
export function linesOf({ what, says, because }: Explained, depth = 0): string[] {
  const pad = '  '.repeat(depth)
  const [first = '', ...others] = says
  return [
    `${pad}${what}: ${first}`,
    ...others.map((say) => `${pad}  ${say}`),
    ...because.flatMap((one) => linesOf(one, depth + 1)),
  ]
}
