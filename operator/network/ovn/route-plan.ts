// SPDX-License-Identifier: Apache-2.0
import {
  canonical,
  readUuids,
  setOf,
  uuidOf,
  type OvsNamedUuid,
  type OvsRow,
  type OvsUuid,
} from '../../../lib/ovsdb/values.ts'
import type { LogicalRouter } from '../logical-kinds.ts'
import { normalAddress, normalPrefix } from './addresses.ts'
import { defaultRoutes } from './gateway-plan.ts'
import { partMark } from './marks.ts'
import { planNextHops } from './next-hop-plan.ts'
import type { FoundRow, Northbound } from './northbound.ts'
import type { Plan } from './plan.ts'
import { isRouteOfVPN } from './vpn-plan.ts'

const COLUMNS = ['ip_prefix', 'nexthop', 'output_port', 'route_table', 'policy', 'bfd', 'external_ids'] as const

/**
 * Routes are identified by their content; routes on the router that are not ours are removed as well, but for those of a VPN, which has a planner of its own.
 * @param held undefined: of a router that this transaction makes, with the routes
 * @returns the rows that were added
 */
export function planRoutes(
  plan: Plan,
  want: LogicalRouter,
  held: FoundRow | undefined,
  nb: Northbound,
): OvsNamedUuid[] {
  const watched = planNextHops(plan, want, nb)
  const missing = new Map(rowsOf(want, watched).map((row) => [routeKey(row), row]))
  const surplus = readUuids(held?.row['static_routes'] ?? setOf([])).filter((uuid) => {
    const { row } = nb.get('Logical_Router_Static_Route', uuid) ?? {}
    if (row && isRouteOfVPN(row, held, nb)) return false
    return !row || !missing.delete(routeKey(row))
  })
  const added = [...missing.values()].map((row) => plan.insert('Logical_Router_Static_Route', row))
  if (held) plan.exchange('Logical_Router', held.uuid, 'static_routes', { out: surplus.map(uuidOf), into: added })
  return added
}

/** @param watched rows of BFD, by next hop */
function rowsOf(
  { uid, routes, gateway }: LogicalRouter,
  watched: ReadonlyMap<string, OvsUuid | OvsNamedUuid>,
): OvsRow[] {
  const ways: { destination: string; nextHop: string; bfd?: boolean; outputPort?: string }[] = [
    ...routes,
    ...(gateway ? defaultRoutes(uid, gateway, routes) : []),
  ]
  return ways.map(({ destination, nextHop, bfd, outputPort }) => {
    const session = bfd ? watched.get(normalAddress(nextHop)) : undefined
    return {
      ip_prefix: normalPrefix(destination),
      nexthop: normalAddress(nextHop),
      output_port: setOf(outputPort === undefined ? [] : [outputPort]),
      ...(session === undefined ? {} : { bfd: setOf([session]) }),
      external_ids: partMark('Route', uid),
    }
  })
}

function routeKey(row: OvsRow): string {
  return COLUMNS.map((column) => canonical(row[column] ?? DEFAULTS[column])).join()
}

/** What the database has in columns that we do not write. */
const DEFAULTS: Readonly<Record<(typeof COLUMNS)[number], OvsRow[string]>> = {
  ip_prefix: '',
  nexthop: '',
  output_port: setOf([]),
  route_table: '',
  policy: setOf([]),
  bfd: setOf([]),
  external_ids: setOf([]),
}
