// SPDX-License-Identifier: Apache-2.0
import type { Port } from '../../../lib/api/types.ts'
import type { Caches } from '../../kind/row.ts'
import type { LogicalPacket, TraceStop } from '../../network/logical-trace.ts'
import { familyOf } from '../../network/ovn/addresses.ts'
import { say, type Finding, type Named } from './finding.ts'
import { ruleInPolicy } from './firewall-rule.ts'
import type { Sight } from './sight.ts'

/** What is told of what is stopped at somebody else's. */
export const ELSEWHERE: Finding = {
  reason: 'StoppedElsewhere',
  message: 'something of another project stops it: ask whoever has the destination',
}

/** What stops a packet, and what would help. Pure. */
export function findingOf(stop: TraceStop, packet: LogicalPacket, sight: Sight, caches: Caches): Finding {
  switch (stop.why) {
    case 'securityGroups':
      return groupFinding(stop, packet, sight, caches)
    case 'firewall':
      return firewallFinding(stop, packet, sight, caches)
    case 'portSecurity': {
      const of = sight.of('ports', stop.portUid)
      const message = `${of && say(of)} may not send from ${packet.source}: port security; add it to spec.allowedAddressPairs`
      return of ? { reason: 'PortSecurity', message, of } : ELSEWHERE
    }
    case 'unknownHost':
      return hostFinding(stop, packet, sight)
    case 'noRoute':
      return routeFinding(stop.routerUid, packet, sight, caches)
    case 'other':
      return otherFinding(stop, packet, sight)
  }
}

type StopOf<W extends TraceStop['why']> = Extract<TraceStop, { why: W }>

function groupFinding(
  { portUid, direction }: StopOf<'securityGroups'>,
  packet: LogicalPacket,
  sight: Sight,
  caches: Caches,
): Finding {
  const port = caches.ports.findByUid(portUid)
  const of = port && sight.nameOf('ports', port)
  if (!port || !of) return ELSEWHERE
  const groups = groupsOf(port, sight)
  const [first] = groups
  if (!first)
    return {
      reason: 'NoSecurityGroup',
      message: `${say(of)} has no SecurityGroup, so that nothing passes it: name one in spec.securityGroupRefs`,
      of,
    }
  const names = groups.map(({ namespace, name }) => `${namespace}/${name}`).join(', ')
  const rule = JSON.stringify(ruleFor(packet, direction))
    .replaceAll('"', '')
    .replaceAll(',', ', ')
    .replaceAll(':', ': ')
  const message = `no rule of SecurityGroup ${names} of ${say(of)} lets ${direction} ${what(packet)} pass: add to spec.rules ${rule}`
  return { reason: 'SecurityGroupRuleMissing', message, of: first }
}

function groupsOf({ status }: Port, sight: Sight): Named[] {
  return (status?.securityGroupUIDs ?? []).flatMap((uid) => sight.of('securityGroups', uid) ?? [])
}

/** The narrowest rule that would do. */
function ruleFor(packet: LogicalPacket, direction: 'ingress' | 'egress'): object {
  const { protocol, destinationPort: port } = packet
  const family = familyOf(packet.source)
  return {
    direction,
    ...(family === 'IPv6' ? { etherType: family } : {}),
    protocol: protocol === 'icmp' && family === 'IPv6' ? 'icmpv6' : protocol,
    ...(protocol === 'icmp' ? {} : { portRangeMin: port, portRangeMax: port }),
  }
}

/** `tcp 443 from 10.0.0.5 to 10.0.1.7`. */
function what({ protocol, destinationPort, source, destination }: LogicalPacket): string {
  return `${protocol}${protocol === 'icmp' ? '' : ` ${destinationPort}`} from ${source} to ${destination}`
}

function firewallFinding(stop: StopOf<'firewall'>, packet: LogicalPacket, sight: Sight, caches: Caches): Finding {
  const group = sight.of('firewallGroups', stop.uid)
  if (!group) return ELSEWHERE
  const rule = ruleInPolicy(stop, caches)
  const policy = rule && sight.nameOf('firewallPolicies', rule.policy)
  if (!rule || !policy) {
    const said =
      stop.rule === undefined ? `no rule of the policies of ${say(group)} lets` : `a rule of ${say(group)} does not let`
    const message = `${said} ${stop.direction} ${what(packet)} pass: add a rule that allows it to a policy in spec.${stop.direction}.policyRefs`
    return { reason: stop.rule === undefined ? 'FirewallRuleMissing' : 'FirewallRuleDenies', message, of: group }
  }
  const message = `spec.rules[${rule.index}] of ${say(policy)}, which ${say(group)} has for ${stop.direction}, does not let ${what(packet)} pass: put a rule that allows it before that one`
  return { reason: 'FirewallRuleDenies', message, of: policy }
}

function hostFinding({ legUid }: StopOf<'unknownHost'>, { destination }: LogicalPacket, sight: Sight): Finding {
  const of = sight.of('subnets', legUid) ?? sight.of('ports', legUid)
  if (legUid !== undefined && !of) return ELSEWHERE
  const where = of ? ` on ${say(of)}` : ''
  return { reason: 'AddressNotInUse', message: `nobody${where} has the address ${destination}`, ...(of ? { of } : {}) }
}

function routeFinding(routerUid: string, { destination }: LogicalPacket, sight: Sight, caches: Caches): Finding {
  const router = caches.routers.findByUid(routerUid)
  const of = router && sight.nameOf('routers', router)
  if (!router || !of) return ELSEWHERE
  if (router.spec.externalGateway && (router.status?.gateways ?? []).length === 0) {
    const message = `no node carries the gateway of ${say(of)}: kubectl describe says why`
    return { reason: 'NoGatewayNode', message, of }
  }
  const outside = router.spec.externalGateway ? '' : ', give it a spec.externalGateway'
  const message = `${say(of)} has no route to ${destination}: join the Subnet in spec.interfaces${outside}, or add one to spec.routes`
  return { reason: 'NoRoute', message, of }
}

function otherFinding({ stage, routerUid, portUid }: StopOf<'other'>, packet: LogicalPacket, sight: Sight): Finding {
  const router = sight.of('routers', routerUid)
  if (stage === 'lr_in_ip_input' && router) {
    const message = `${packet.destination} is an address of ${say(router)} itself, which answers nothing but pings`
    return { reason: 'RouterAddress', message, of: router }
  }
  const of = router ?? sight.of('ports', portUid)
  if ((routerUid ?? portUid) !== undefined && !of) return ELSEWHERE
  const message = `OVN drops ${what(packet)} at its stage ${stage}`
  return { reason: 'Dropped', message, ...(of ? { of } : {}) }
}

/** What a machine that a packet came to by mistake is called. */
export function strayFinding(portUids: readonly string[], packet: LogicalPacket, sight: Sight): Finding {
  const [of] = portUids.flatMap((uid) => sight.of('ports', uid) ?? [])
  if (!of) return { ...ELSEWHERE, reason: 'LeadsElsewhere', message: 'it comes to a machine of another project' }
  const message = `${what(packet)} comes to ${say(of)}: its machine would have to lead on, which is not known here`
  return { reason: 'LeadsElsewhere', message, of }
}
