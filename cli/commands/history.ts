// SPDX-License-Identifier: Apache-2.0
import { EVENT, INSTANCE, INSTANCE_ACTION } from '../../lib/api/kinds.ts'
import type { InstanceAction, KubeEvent } from '../../lib/api/types.ts'
import { findCondition } from '../../lib/conditions.ts'
import { isForbidden } from '../../lib/kube/errors.ts'
import type { CommonStatus, KubeObject } from '../../lib/kube/object.ts'
import type { Command, Context } from '../command-line/command.ts'
import { getObject, parseObject } from '../command-line/find-kind.ts'
import { ageOf } from '../output/age.ts'
import { printData } from '../output/print-data.ts'
import { table } from '../output/table.ts'

interface Entry {
  /** RFC 3339. */
  time: string
  what: string
  reason: string
  message: string
  /** How often it was told. */
  count?: number
}

export const history: Command = {
  name: 'history',
  usage: 'KIND NAME',
  summary: 'what happened to it: its Events, the changes of its conditions and what was done to it, the oldest first',
  completes: 'objects',
  arguments: { least: 1, most: 2 },
  async run(context, words) {
    const { client, signal, now, print } = context
    const { kind, name } = parseObject(words)
    const object = await getObject<KubeObject<unknown, CommonStatus>>(context, kind, name)
    // Events of what has no namespace are in `default`.
    const namespace = object.metadata.namespace ?? 'default'
    const events = await client.list<KubeEvent>(EVENT, { namespace, signal })
    const actions = kind.kind === INSTANCE.kind ? await listActions(context, name) : []
    const entries = [...entriesOf(object, events), ...actionsOf(object, actions)].sort(byTime)
    if (printData(context, entries)) return 0
    const rows = entries.map((e) => [
      ageOf(e.time, now),
      e.what,
      e.reason,
      e.message + (e.count ? ` (${e.count} times)` : ''),
    ])
    for (const line of table(['AGE', 'WHAT', 'REASON', 'MESSAGE'], rows)) print(line)
    return 0
  },
}

/** Of several at one time, what was told of it comes after its making. Pure. */
export function entriesOf(object: KubeObject<unknown, CommonStatus>, events: readonly KubeEvent[]): Entry[] {
  const { metadata, status } = object
  const told = events
    .filter(({ regarding }) => regarding.uid === metadata.uid)
    .map(({ eventTime, series, type, reason, note }) => ({
      ...{ time: series?.lastObservedTime ?? eventTime, what: type, reason, message: note ?? '' },
      ...(series ? { count: series.count } : {}),
    }))
  const changed = (status?.conditions ?? []).map(({ lastTransitionTime, type, status: is, reason, message }) => ({
    ...{ time: lastTransitionTime, what: `${type}=${is}`, reason, message },
  }))
  const made = { time: metadata.creationTimestamp ?? '', what: 'Created', reason: '', message: '' }
  const going = {
    time: metadata.deletionTimestamp ?? '',
    what: 'Deleted',
    reason: '',
    message: 'by a request; it goes when its finalizers are gone',
  }
  const all: Entry[] = [made, ...changed, ...told, ...(going.time === '' ? [] : [going])]
  return all.sort(byTime)
}

/** Of a machine, and of none before it of the same name: that it was asked for, and its end. Pure. */
export function actionsOf({ metadata }: Pick<KubeObject, 'metadata'>, actions: readonly InstanceAction[]): Entry[] {
  const born = Date.parse(metadata.creationTimestamp ?? '')
  const own = actions.filter(({ metadata: { creationTimestamp = '' }, status }) =>
    status?.instanceUID === undefined ? Date.parse(creationTimestamp) >= born : status.instanceUID === metadata.uid,
  )
  return own.flatMap(({ metadata: { name, creationTimestamp = '' }, spec, status = {} }) => {
    const by = spec.requestedBy === undefined ? '' : ` by ${spec.requestedBy}`
    const asked = { time: creationTimestamp, what: 'Action', reason: spec.type, message: `asked for${by} (${name})` }
    if (status.completionTime === undefined) return [asked]
    const ready = findCondition(status.conditions, 'Ready')
    const steps = (status.steps ?? []).map((step) => step.name).join(', ')
    const why = status.state === 'Succeeded' || !ready ? '' : `${ready.reason}: ${ready.message}`
    const message = [`${status.state ?? ''} (${name})`, steps, why].filter((part) => part !== '').join('; ')
    return [asked, { time: status.completionTime, what: 'Action', reason: spec.type, message }]
  })
}

/** Who may not read them hears the rest. */
async function listActions({ client, namespace, signal }: Context, machine: string): Promise<InstanceAction[]> {
  try {
    const fieldSelector = `spec.instanceRef.name=${machine}`
    return await client.list<InstanceAction>(INSTANCE_ACTION, { namespace, fieldSelector, signal })
  } catch (error) {
    if (isForbidden(error)) return []
    throw error
  }
}

function byTime(a: Entry, b: Entry): number {
  return Date.parse(a.time) - Date.parse(b.time)
}
