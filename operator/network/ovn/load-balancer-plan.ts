// SPDX-License-Identifier: Apache-2.0
import { mapOf, readString, readUuids, setOf, type OvsMap, type OvsRow } from '../../../lib/ovsdb/values.ts'
import type { LogicalListener, LogicalLoadBalancer } from '../logical-kinds.ts'
import { familyOf, normalAddress } from './addresses.ts'
import { placesOf, planPlaces } from './balancer-places.ts'
import { ALLOW_PRIORITY, GROUP_TIER } from './group-plan.ts'
import { planListedGroup } from './listed-group.ts'
import { markOf, partMark } from './marks.ts'
import { checkedPort, symbolOf } from './match-words.ts'
import type { FoundRow, Northbound } from './northbound.ts'
import { BALANCER_PREFIX } from './northbound-tables.ts'
import { Plan } from './plan.ts'
import { probeIntervalOf } from './probe-timing.ts'

/**
 * LoadBalancer → a Load_Balancer for each listener, since affinity is the row's, on the switches of the networks: their nodes share out the
 * connections of their own guests. External addresses are in a row of their own, on the router too, whose gateway answers for them: what
 * is on a router it answers for on all its networks, the external one included. ovn-nb(5), Load_Balancer.
 * @throws TransientError while a row of a router or network is missing
 */
export function planLoadBalancer(want: LogicalLoadBalancer, nb: Northbound): Plan {
  const plan = new Plan()
  const outer = placesOf(want, nb)
  const inner = { ...outer, Logical_Router: [] }
  const all = nb.all('LoadBalancer', want.uid)
  const kept = new Set<string>()
  for (const listener of want.listeners) {
    const name = `${want.uid}-${listener.protocol}-${checkedPort(listener.port)}`
    const rows = [
      { name, addresses: want.addresses, places: inner },
      { name: `${name}-outside`, addresses: want.externalAddresses, places: outer },
    ]
    for (const { name: rowName, addresses, places } of rows.filter((row) => row.addresses.length > 0)) {
      const held = all.find(({ row }) => readString(row['name']) === rowName)
      if (held) kept.add(held.uuid)
      const vips = addresses.map((address) => endpoint(address, listener.port))
      const balancer = plan.ensure('Load_Balancer', held, {
        ...{ name: rowName, protocol: listener.protocol, selection_fields: setOf([]), options: optionsOf(listener) },
        vips: mapOf(Object.fromEntries(vips.map((vip) => [vip, backendsOf(listener)]))),
        health_check: setOf(listener.monitor ? planMonitors(plan, want, listener.monitor, { vips, held, nb }) : []),
        ip_port_mappings: listener.monitor ? probesOf(listener) : mapOf({}),
        external_ids: markOf(want),
      })
      planPlaces(plan, nb, { places, held: held?.uuid, balancer })
    }
  }
  // The references to them are weak, and go with them; so do their health checks.
  for (const row of all) if (!kept.has(row.uuid)) plan.remove('Load_Balancer', row)
  planHairpins(plan, want, nb)
  return plan
}

/** Above all that groups allow. */
const FORGED_PRIORITY = 2000

/**
 * What a member sends to the balancer and gets itself comes from the balancer's address (ovn-nb(5), hairpin_snat_ip), which no security group
 * knows. It passes only where it comes from a member's port: others cannot send from that address, and nor may members, whose own packets have it
 * only after these rules. One without port security could reach other members by it (ovn-northd(8): ACLs of from-lport, load balancing, hairpins).
 */
function planHairpins(plan: Plan, want: LogicalLoadBalancer, nb: Northbound): void {
  const name = symbolOf(BALANCER_PREFIX, want.uid)
  const uids = new Set(want.listeners.flatMap(({ members }) => members.flatMap(({ portUid }) => portUid ?? [])))
  const ports = [...uids].flatMap((uid) => nb.findNamed('Logical_Switch_Port', uid)?.uuid ?? [])
  const external_ids = partMark('Hairpins', want.uid)
  const rules = [...want.addresses, ...want.externalAddresses].flatMap((address): OvsRow[] => {
    const fromIt = `inport == @${name} && ${familyOf(address) === 'IPv4' ? 'ip4' : 'ip6'}.src == ${normalAddress(address)}`
    const [there, back] = [fromIt, `${fromIt} && outport == @${name}`]
    const row = { tier: GROUP_TIER, external_ids }
    return [
      { ...row, direction: 'to-lport', priority: ALLOW_PRIORITY, match: back, action: 'allow-related' },
      { ...row, direction: 'from-lport', priority: FORGED_PRIORITY, match: there, action: 'drop' },
    ]
  })
  planListedGroup(plan, nb.findNamed('Port_Group', name), { name, external_ids, ports, rules }, nb)
}

export function planLoadBalancerRemoval(uid: string, nb: Northbound): Plan {
  const plan = new Plan()
  for (const held of nb.all('LoadBalancer', uid)) plan.remove('Load_Balancer', held)
  const group = nb.findNamed('Port_Group', symbolOf(BALANCER_PREFIX, uid))
  if (group) plan.remove('Port_Group', group)
  return plan
}

/** Without members who connects is refused; connections to a member that left are forgotten. */
function optionsOf({ affinitySeconds }: LogicalListener): OvsMap {
  const affinity: Record<string, string> =
    affinitySeconds === undefined ? {} : { affinity_timeout: String(affinitySeconds) }
  return mapOf({ neighbor_responder: 'all', reject: 'true', ct_flush: 'true', ...affinity })
}

function backendsOf({ members }: LogicalListener): string {
  return [...new Set(members.map(({ address, port }) => endpoint(address, port)))].sort().join(',')
}

/** `10.0.0.5` → `<port>:10.0.0.2`: which port is probed for it, and from where. */
function probesOf({ members }: LogicalListener): OvsMap {
  const probes = members.flatMap(({ address, portUid, probeSource }) =>
    portUid === undefined || probeSource === undefined
      ? []
      : [[bracketed(address), `${portUid}:${bracketed(probeSource)}`]],
  )
  return mapOf(Object.fromEntries(probes) as Record<string, string>)
}

function planMonitors(
  plan: Plan,
  { uid }: LogicalLoadBalancer,
  monitor: NonNullable<LogicalListener['monitor']>,
  { vips, held, nb }: { vips: readonly string[]; held: FoundRow | undefined; nb: Northbound },
) {
  const present = readUuids(held?.row['health_check']).flatMap(
    (uuid) => nb.get('Load_Balancer_Health_Check', uuid) ?? [],
  )
  const options = mapOf({
    interval: String(probeIntervalOf(monitor)),
    timeout: String(monitor.timeoutSeconds),
    success_count: String(monitor.successThreshold),
    failure_count: String(monitor.failureThreshold),
  })
  return vips.map((vip) => {
    const row: OvsRow = { vip, options, external_ids: partMark('HealthMonitor', uid) }
    return plan.ensure(
      'Load_Balancer_Health_Check',
      present.find((one) => readString(one.row['vip']) === vip),
      row,
    )
  })
}

function endpoint(address: string, port: number): string {
  return `${bracketed(address)}:${checkedPort(port)}`
}

function bracketed(address: string): string {
  const normal = normalAddress(address)
  return familyOf(normal) === 'IPv6' ? `[${normal}]` : normal
}
