// SPDX-License-Identifier: Apache-2.0
import { EVENT } from '../../lib/api/kinds.ts'
import type { KubeEvent } from '../../lib/api/types.ts'
import type { CommonStatus, KubeObject } from '../../lib/kube/object.ts'
import type { Command } from '../command-line/command.ts'
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
  summary: 'what happened to it: its Events and the changes of its conditions, the oldest first',
  completes: 'objects',
  arguments: { least: 1, most: 2 },
  async run(context, words) {
    const { client, signal, now, print } = context
    const { kind, name } = parseObject(words)
    const object = await getObject<KubeObject<unknown, CommonStatus>>(context, kind, name)
    // Events of what has no namespace are in `default`.
    const namespace = object.metadata.namespace ?? 'default'
    const events = await client.list<KubeEvent>(EVENT, { namespace, signal })
    const entries = entriesOf(object, events)
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
  return all.sort((a, b) => Date.parse(a.time) - Date.parse(b.time))
}
