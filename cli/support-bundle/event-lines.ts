// SPDX-License-Identifier: Apache-2.0
import { GROUP } from '../../lib/api/kinds.ts'
import type { KubeObject } from '../../lib/kube/object.ts'
import { terminalText } from '../output/terminal-text.ts'

/** Of events.k8s.io/v1. */
export interface Event extends KubeObject {
  type?: string
  reason?: string
  note?: string
  eventTime?: string | null
  deprecatedLastTimestamp?: string | null
  deprecatedCount?: number
  series?: { count: number; lastObservedTime: string }
  regarding?: { apiVersion?: string; kind?: string; namespace?: string; name?: string }
}

export const isOurs = ({ regarding }: Event): boolean => regarding?.apiVersion?.startsWith(`${GROUP}/`) === true

/** Pure: a line each, in the order of time, as a person reads what happened. */
export function eventLines(events: readonly Event[]): string {
  return events
    .map((event) => ({ event, at: timeOf(event) }))
    .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
    .map(({ event, at }) => {
      const { regarding: { kind = '', namespace, name = '' } = {}, type = '', reason = '', note = '' } = event
      const count = event.series?.count ?? event.deprecatedCount ?? 1
      const object = `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`
      return `${terminalText(`${at}  ${type}  ${object}  ${reason}${count > 1 ? ` (${count} times)` : ''}  ${note}`)}\n`
    })
    .join('')
}

function timeOf({ series, eventTime, deprecatedLastTimestamp, metadata }: Event): string {
  return series?.lastObservedTime ?? deprecatedLastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? ''
}
