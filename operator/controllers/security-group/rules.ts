// SPDX-License-Identifier: Apache-2.0
import type { SecurityGroup, SecurityGroupRule } from '../../../lib/api/types.ts'
import type { Outcome } from '../../../lib/outcome.ts'
import { resolve } from '../../kind/resolve.ts'
import type { LogicalRule } from '../../network/network-driver.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { remoteGroup } from './kind.ts'
import { toProtocol } from './protocols.ts'

/** Rules that name something that they may not use are left out, and `lacks` says why; the others apply all the same. Pure. */
export function resolveRules(
  group: SecurityGroup,
  { caches }: Pick<OperatorDeps, 'caches'>,
): { rules: LogicalRule[]; lacks: Outcome[] } {
  const rules: LogicalRule[] = []
  const lacks: Outcome[] = []
  const remotes = new Map(
    remoteGroup.refs(group).map((named) => [named.ref, resolve(remoteGroup, group, named, caches)] as const),
  )
  for (const rule of group.spec.rules ?? []) {
    const remote = rule.remoteGroupRef && remotes.get(rule.remoteGroupRef)
    if (remote && !remote.ok) lacks.push(remote.outcome)
    else rules.push(toLogicalRule(rule, remote?.object.metadata.uid))
  }
  if (isEgressOpen(group)) for (const etherType of ['IPv4', 'IPv6'] as const) rules.push({ ...ALL_OUT, etherType })
  return { rules, lacks }
}

const ALL_OUT = { direction: 'egress', protocol: 'any' } as const

/** As for a new group in Neutron: rules for ingress alone do not restrict egress. */
function isEgressOpen({ spec }: SecurityGroup): boolean {
  return spec.denyEgress !== true && !(spec.rules ?? []).some(({ direction }) => direction === 'egress')
}

function toLogicalRule(rule: SecurityGroupRule, remoteGroupUid: string | undefined): LogicalRule {
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
  }
}
