// SPDX-License-Identifier: Apache-2.0
// The log of a group's rules: ovn-nb(5), ACL log, name, severity and meter. ovn-controller writes a line for a packet, and the node's agent
// reads it (agents/network/packet-log).
import { ruleName, type LoggedRule } from '../../../lib/contract/packet-log.ts'
import { readUuids, setOf, type OvsRow } from '../../../lib/ovsdb/values.ts'
import type { LogicalRule, LogicalSecurityGroup } from '../logical-kinds.ts'
import { groupName } from './group-match.ts'
import { partMark } from './marks.ts'
import { symbolOf } from './match-words.ts'
import type { Northbound } from './northbound.ts'
import type { Plan } from './plan.ts'

/** Above the rules that let pass without a log, so that of two groups of a port the one that logs is found. */
export const LOGGED_PRIORITY = 1003
/** Above the guard, which drops what nobody has logged. */
export const LOGGED_DROP_PRIORITY = 1001

type Verdict = 'accepted' | 'dropped'

/**
 * The row of a rule, with what makes it logged: of a stateful group another row, for the first packet of each connection alone, since the
 * log of a long transfer would use up what there is for all others. One that tracks nothing cannot tell them apart.
 */
export function withLog(row: OvsRow, { index }: LogicalRule, { uid, stateless, log }: LogicalSecurityGroup): OvsRow[] {
  if (!log?.accepted) return [row]
  const logged = logColumns(uid, index ?? 'open', 'accepted')
  if (stateless) return [{ ...row, ...logged }]
  return [row, { ...row, priority: LOGGED_PRIORITY, match: `${String(row['match'])} && ct.new`, ...logged }]
}

/** What is sent to all is dropped at each port: that says nothing of the port, and would be most of the log. */
export function loggedDrops(
  { uid, log }: LogicalSecurityGroup,
  drop: (direction: string, match: string) => OvsRow,
): OvsRow[] {
  if (!log?.dropped) return []
  const logged = logColumns(uid, 'drop', 'dropped')
  return [
    { ...drop('from-lport', `inport == @${groupName(uid)} && ip`), ...logged },
    { ...drop('to-lport', `outport == @${groupName(uid)} && ip && !eth.mcast`), ...logged },
  ]
}

function logColumns(uid: string, rule: LoggedRule, verdict: Verdict): OvsRow {
  return { log: true, name: ruleName(uid, rule), severity: 'info', meter: meterName(uid, verdict) }
}

/**
 * One for what is accepted and one for what is dropped, so that neither hides the other. Not `fair`: that would be one for each row, and a
 * group of many rules could fill its node's log.
 */
export function planLogMeters(
  plan: Plan,
  { uid, log }: Pick<LogicalSecurityGroup, 'uid' | 'log'>,
  nb: Northbound,
): void {
  for (const verdict of ['accepted', 'dropped'] as const) {
    const name = meterName(uid, verdict)
    const held = nb.findNamed('Meter', name)
    if (!log?.[verdict]) {
      if (held) plan.remove('Meter', held)
      continue
    }
    const [first, ...others] = readUuids(held?.row['bands'])
    const band = first === undefined || others.length > 0 ? undefined : nb.get('Meter_Band', first)
    const bands = setOf([
      plan.ensure('Meter_Band', band, { action: 'drop', rate: log.perSecond, burst_size: log.perSecond }),
    ])
    plan.ensure('Meter', held, { name, unit: 'pktps', fair: false, bands, external_ids: partMark('LogMeter', uid) })
  }
}

function meterName(uid: string, verdict: Verdict): string {
  return `${symbolOf('nlog_', uid)}_${verdict}`
}
