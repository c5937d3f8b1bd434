// SPDX-License-Identifier: Apache-2.0
import { readMap, type OvsRow } from '../../../lib/ovsdb/values.ts'

/**
 * How soon another node takes over a router's gateway: after three times 200 ms without a packet, where OVN's default is three seconds.
 * Milliseconds; ovn-nb(5), NB_Global options.
 */
export const FAILOVER_TIMERS: Readonly<Record<string, string>> = {
  'bfd-min-rx': '200',
  'bfd-min-tx': '100',
  'bfd-mult': '3',
}

/** Those options of NB_Global; northd has others there, which are its own. */
export function readTimers(global: OvsRow): Readonly<Record<string, string | undefined>> {
  const options = readMap(global['options'])
  return Object.fromEntries(Object.keys(FAILOVER_TIMERS).map((key) => [key, options[key]]))
}
