// SPDX-License-Identifier: Apache-2.0
import { readNumber, readString, readUuids, type OvsRow } from '../../../lib/ovsdb/values.ts'
import { ruleOfPriority } from './firewall-plan.ts'
import { readMark } from './marks.ts'
import type { Northbound } from './northbound.ts'
import { FIREWALL_PREFIX } from './northbound-tables.ts'
import type { FindFirewallRule } from './read-trace.ts'

/** The rule of a FirewallGroup that an ACL is. Asked for single packets alone: it looks through all groups. */
export function findFirewallRule(
  acl: Parameters<FindFirewallRule>[0],
  groups: ReadonlyMap<string, OvsRow>,
  nb: Pick<Northbound, 'get'>,
): ReturnType<FindFirewallRule> {
  for (const group of groups.values()) {
    if (readString(group['name'])?.startsWith(FIREWALL_PREFIX) !== true) continue
    const uid = readMark(group)?.uid
    const row = readUuids(group['acls'])
      .map((uuid) => nb.get('ACL', uuid)?.row)
      .find((one) => one && readNumber(one['priority']) === acl.priority && readString(one['match']) === acl.match)
    if (uid !== undefined && row)
      return { uid, rule: ruleOfPriority(acl.priority), passes: readString(row['action']) === 'pass' }
  }
  return undefined
}
