// SPDX-License-Identifier: Apache-2.0
import type { PlacementPreview } from '../../../lib/api/types.ts'
import { explainFailure } from '../../scheduler/explanation.ts'

const MOST_NODES = 3

/** The answer in a sentence. Pure. */
export function describeAnswer({ spec, status }: PlacementPreview): string {
  const { count = 1 } = spec
  const { fits = 0, unjudged = 0 } = status ?? {}
  if (fits === count) return count === 1 ? `it fits: ${whereOf(status)}` : `all ${count} fit: ${whereOf(status)}`
  const what = fits === 0 ? `none of ${count} fits` : `${fits} of ${count} fit: ${whereOf(status)}`
  const said = count === 1 ? 'it does not fit' : what
  if (unjudged > 0) return `${what}; ${unjudged} were not judged, since one answer may take no longer: ask for fewer`
  return `${said}; ${whyNotMore(status)}`
}

function whyNotMore(status: PlacementPreview['status']): string {
  const { overQuota, scheduling } = status ?? {}
  if (overQuota !== undefined) return overQuota
  const { total = 0, evaluated = 0, filters = [] } = scheduling ?? {}
  return explainFailure({ total, evaluated, filters: filters.map((filter) => ({ example: '', ...filter })) })
}

function whereOf(status: PlacementPreview['status']): string {
  const { fits = 0, placements = [] } = status ?? {}
  const named = placements.slice(0, MOST_NODES)
  const elsewhere = fits - named.reduce((all, { instances }) => all + instances, 0)
  const parts = named.map(({ node, instances }) => (fits === 1 ? `on ${node}` : `${instances} on ${node}`))
  return [...parts, ...(elsewhere > 0 ? [`${elsewhere} elsewhere`] : [])].join(', ')
}
