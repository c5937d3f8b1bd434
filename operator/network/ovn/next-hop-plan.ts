// SPDX-License-Identifier: Apache-2.0
// Next hops that are watched by BFD: ovn-nb(5), table BFD, which routes refer to. ovn-controller runs it only at a port that is on one
// chassis at a time (pinctrl.c, bfd_monitor_run), so that it is always the port of the router's gateway.
import { readString, type OvsNamedUuid, type OvsUuid } from '../../../lib/ovsdb/values.ts'
import type { LogicalRouter } from '../logical-kinds.ts'
import { normalAddress } from './addresses.ts'
import { gatewayPortName } from './gateway-port-name.ts'
import { partMark } from './marks.ts'
import type { Northbound } from './northbound.ts'
import type { Plan } from './plan.ts'

/** Milliseconds between packets, and how many may be missed. What the next hop asks for counts too: RFC 5880 section 6.8.4. */
const TIMERS = { min_tx: 300, min_rx: 300, detect_mult: 3 } as const

/** @returns the rows, by the next hop's address in its normal form */
export function planNextHops(plan: Plan, want: LogicalRouter, nb: Northbound): Map<string, OvsUuid | OvsNamedUuid> {
  const port = gatewayPortName(want.uid)
  const watched = want.gateway ? want.routes.filter(({ bfd }) => bfd) : []
  const addresses = new Set(watched.map(({ nextHop }) => normalAddress(nextHop)))
  const held = nb.sessions(port, want.uid)
  const rows = new Map<string, OvsUuid | OvsNamedUuid>()
  for (const address of addresses) {
    const row = held.find(
      (one) => readString(one.row['logical_port']) === port && readString(one.row['dst_ip']) === address,
    )
    const external_ids = partMark('NextHop', want.uid)
    rows.set(address, plan.ensure('BFD', row, { logical_port: port, dst_ip: address, ...TIMERS, external_ids }))
  }
  for (const row of held) {
    const isOurs = readString(row.row['logical_port']) === port
    if (!isOurs || !addresses.has(readString(row.row['dst_ip']) ?? '')) plan.remove('BFD', row)
  }
  return rows
}

/** Rows of BFD are roots: they do not go with their router. */
export function planNextHopsRemoval(plan: Plan, routerUid: string, nb: Northbound): void {
  for (const row of nb.sessions(gatewayPortName(routerUid), routerUid)) plan.remove('BFD', row)
}
