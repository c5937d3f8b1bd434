// SPDX-License-Identifier: Apache-2.0
import type { PlacementPreview } from '../../../lib/api/types.ts'
import { explainFailure } from '../../scheduler/explanation.ts'

const MOST_NODES = 3

/** The answer in a sentence. Pure. */
export function describeAnswer({ spec, status = {} }: PlacementPreview): string {
  const { instances = 0, unjudged = 0 } = status
  const fits = spec.drainNode === undefined ? fitsOf(status) : drainOf(status, spec.drainNode)
  if (unjudged > 0) return `${fits}; ${unjudged} were not judged, since one answer may take no longer: ask for fewer`
  return status.fits === instances ? fits : `${fits}; ${whyNotMore(status)}`
}

function fitsOf(status: NonNullable<PlacementPreview['status']>): string {
  const { fits = 0, instances = 0 } = status
  if (instances === 1) return fits === 1 ? `it fits: ${whereOf(status)}` : 'it does not fit'
  if (fits === 0) return `none of ${instances} fits`
  return `${fits === instances ? `all ${instances}` : `${fits} of ${instances}`} fit: ${whereOf(status)}`
}

function drainOf(status: NonNullable<PlacementPreview['status']>, node: string): string {
  const { fits = 0, instances = 0 } = status
  if (instances === 0) return `node ${node} has no machines`
  const where = fits > 0 ? `: ${whereOf(status)}` : ''
  return `${fits} of ${instances} machines of node ${node} would get another place${where}`
}

function whyNotMore(status: NonNullable<PlacementPreview['status']>): string {
  const { overQuota, scheduling, machines } = status
  if (overQuota !== undefined) return overQuota
  const [stays] = machines ?? []
  if (stays?.message !== undefined) return `${stays.namespace}/${stays.name}: ${stays.message}`
  const { total = 0, evaluated = 0, filters = [] } = scheduling ?? {}
  return explainFailure({ total, evaluated, filters: filters.map((filter) => ({ example: '', ...filter })) })
}

function whereOf({ fits = 0, placements = [] }: NonNullable<PlacementPreview['status']>): string {
  const named = placements.slice(0, MOST_NODES)
  const elsewhere = fits - named.reduce((all, { instances }) => all + instances, 0)
  const parts = named.map(({ node, instances }) => (fits === 1 ? `on ${node}` : `${instances} on ${node}`))
  return [...parts, ...(elsewhere > 0 ? [`${elsewhere} elsewhere`] : [])].join(', ')
}
