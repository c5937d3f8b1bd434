// SPDX-License-Identifier: Apache-2.0
import type { SecurityGroup, SecurityGroupRule } from '../../../lib/api/types.ts'
import type { Outcome } from '../../../lib/outcome.ts'
import { resolve } from '../../kind/resolve.ts'
import type { GroupLog, LogicalRule } from '../../network/logical-kinds.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { named, remoteAddressGroup, remoteGroup } from './kind.ts'
import { toProtocol } from './protocols.ts'

/**
 * Rules that name something that they may not use are left out, and `lacks` says why; the others apply all the same. Pure.
 * @param most only the first so many are looked at
 */
export function resolveRules(
  group: SecurityGroup,
  { caches }: Pick<OperatorDeps, 'caches'>,
  most = Infinity,
): { rules: LogicalRule[]; lacks: Outcome[] } {
  const rules: LogicalRule[] = []
  const lacks: Outcome[] = []
  for (const [i, rule] of (group.spec.rules ?? []).slice(0, most).entries()) {
    const { remoteGroupRef, remoteAddressGroupRef } = rule
    const members = remoteGroupRef && resolve(remoteGroup, group, named(i, 'remoteGroupRef', remoteGroupRef), caches)
    const addresses =
      remoteAddressGroupRef &&
      resolve(remoteAddressGroup, group, named(i, 'remoteAddressGroupRef', remoteAddressGroupRef), caches)
    if (members?.ok === false) lacks.push(members.outcome)
    else if (addresses?.ok === false) lacks.push(addresses.outcome)
    else rules.push({ index: i, ...toLogicalRule(rule, members?.object.metadata.uid, addresses?.object.metadata.uid) })
  }
  if (isEgressOpen(group)) for (const etherType of ['IPv4', 'IPv6'] as const) rules.push({ ...ALL_OUT, etherType })
  return { rules, lacks }
}

const ALL_OUT = { direction: 'egress', protocol: 'any' } as const

/** As for a new group in Neutron: rules for ingress alone do not restrict egress. */
function isEgressOpen({ spec }: SecurityGroup): boolean {
  return spec.denyEgress !== true && !(spec.rules ?? []).some(({ direction }) => direction === 'egress')
}

function toLogicalRule(rule: SecurityGroupRule, remoteGroupUid?: string, remoteAddressGroupUid?: string): LogicalRule {
  const { portRangeMin, portRangeMax, icmpType, icmpCode, remoteIPPrefix } = rule
  return {
    direction: rule.direction,
    etherType: rule.etherType ?? 'IPv4',
    protocol: toProtocol(rule.protocol),
    ...(portRangeMin === undefined ? {} : { portRangeMin }),
    ...(portRangeMax === undefined ? {} : { portRangeMax }),
    ...(icmpType === undefined ? {} : { icmpType }),
    ...(icmpCode === undefined ? {} : { icmpCode }),
    ...(remoteIPPrefix === undefined ? {} : { remoteIPPrefix }),
    ...(remoteGroupUid === undefined ? {} : { remoteGroupUid }),
    ...(remoteAddressGroupUid === undefined ? {} : { remoteAddressGroupUid }),
  }
}

/** As in the schema. */
const DEFAULT_PER_SECOND = 10

export function logOf({ spec: { logging } }: SecurityGroup): { log?: GroupLog } {
  if (!logging) return {}
  const { event, packetsPerSecond: perSecond = DEFAULT_PER_SECOND } = logging
  return { log: { accepted: event !== 'DROP', dropped: event !== 'ACCEPT', perSecond } }
}
