// SPDX-License-Identifier: Apache-2.0
import type { Instance, LoadBalancer, Port, Subnet } from '../../../lib/api/types.ts'
import { MOST_BALANCER_MEMBERS } from '../../../lib/contract/documents.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import { resolve } from '../../kind/resolve.ts'
import { ownerUidOf } from '../../placed/port-owner.ts'
import { familyOf } from '../../network/ovn/addresses.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { listPorts } from '../instance/nics.ts'
import { firstKeyOf, port as portOfBalancer } from './kind.ts'
import { isProxied, type Pool } from './pools.ts'
import { refuseBalancer } from './refuse-balancer.ts'
import type { BalancerWay } from './way.ts'

/** One that answers for a listener or a rule, or should. */
export interface Member {
  /** Of the Instance or Port, or the address. */
  name: string
  port: number
  /** Where it is reached; absent: nowhere yet, see `lacks`. */
  address?: string
  /** Of ours: its Port, and the Subnet of the address. */
  own?: { port: Port; subnet: Subnet }
  lacks?: { reason: string; message: string }
}

/** What a pool lists at most: as many as its status can show. */
const MOST_MEMBERS = MOST_BALANCER_MEMBERS

/** The members of a pool, each once, in order of their names. Pure. */
export function resolveMembers(
  balancer: LoadBalancer,
  pool: Pool,
  way: BalancerWay,
  { caches }: Pick<OperatorDeps, 'caches'>,
): { members: readonly Member[]; lacks: readonly Outcome[] } {
  const { namespace = '' } = balancer.metadata
  const family = familyOf(balancer.status?.vipAddress ?? '')
  const found = new Map<string, Member>()
  const lacks: Outcome[] = []
  const add = (member: Member) => found.set(`${member.address ?? member.name}|${member.port}`, member)
  for (const [j, one] of (pool.members ?? []).entries()) {
    const port = one.port ?? pool.listener.port
    const field = `${pool.field}.members[${j}]`
    const at = { port, family, way, caches }
    if (one.ipAddress !== undefined) {
      const refused =
        wrongFamily(one.ipAddress, family, field) ??
        refuseBalancer(balancer, { address: one.ipAddress, field }, way, caches)
      if (refused) lacks.push(waitFor(refused.reason, refused.message))
      if (familyOf(one.ipAddress) === family)
        add({ name: one.ipAddress, address: one.ipAddress, port, ...(refused ? { lacks: refused } : {}) })
    } else if (one.portRef) {
      const own = resolve(portOfBalancer, balancer, { ref: one.portRef, field: `${field}.portRef` }, caches)
      if (own.ok) add(memberOf(one.portRef.name, [own.object], at))
      else lacks.push(own.outcome)
    } else if (one.instanceSelector) {
      for (const instance of select(namespace, one.instanceSelector.matchLabels, caches))
        add(memberOf(instance.metadata.name, portsOf(instance, caches), at))
    }
  }
  const members = [...found.values()].sort(byName)
  const serving = members.filter(canServe)
  if (serving.length > MOST_MEMBERS) lacks.push(tooMany(pool, serving.length))
  const others = members.filter((member) => !canServe(member))
  // Those that cannot serve take nobody's place.
  return { members: [...serving, ...others].slice(0, MOST_MEMBERS).sort(byName), lacks }
}

export type Resolved = { pool: Pool; members: readonly Member[]; lacks: readonly Outcome[] }

/**
 * HTTP listeners and their rules have together as many as one proxy has at most, the first ones first; their status has no more rows either. Pure.
 */
export function boundProxied(found: readonly Resolved[]): Resolved[] {
  const all = found.flatMap(({ pool, members }) => (isProxied(pool.listener.protocol) ? members : []))
  const serving = all.filter(canServe)
  const kept = new Set([...serving, ...all.filter((member) => !canServe(member))].slice(0, MOST_MEMBERS))
  return found.map((one) => {
    if (!isProxied(one.pool.listener.protocol)) return one
    const members = one.members.filter((member) => kept.has(member))
    if (one.members.every((member) => kept.has(member) || !canServe(member))) return { ...one, members }
    const message = `HTTP listeners and their rules have ${serving.length} members together and serve the first ${MOST_MEMBERS}, ${describe(one.pool)} not all of its own: write narrower selectors, or another LoadBalancer`
    return { ...one, members, lacks: [...one.lacks, waitFor('TooManyMembers', message)] }
  })
}

function byName(a: Member, b: Member): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : a.port - b.port
}

function canServe({ address, lacks }: Member): boolean {
  return address !== undefined && lacks === undefined
}

function select(
  namespace: string,
  matchLabels: Readonly<Record<string, string>>,
  { instances }: OperatorDeps['caches'],
): Instance[] {
  const candidates = firstKeyOf(namespace, matchLabels).flatMap((key) => instances.listBy('label', key))
  return candidates.filter(
    ({ metadata: { labels = {}, deletionTimestamp } }) =>
      deletionTimestamp === undefined && Object.entries(matchLabels).every(([key, value]) => labels[key] === value),
  )
}

/** Those that it has, or that were made for it: it may name Ports of others. */
function portsOf(instance: Instance, { ports }: OperatorDeps['caches']): Port[] {
  return listPorts(instance, ports).filter((port) =>
    [port.status?.instance?.uid, ownerUidOf(port)].includes(instance.metadata.uid),
  )
}

/** By the first address of its Ports that the Router reaches. */
function memberOf(
  name: string,
  ports: readonly Port[],
  { port, family, way, caches }: { port: number; family: string; way: BalancerWay; caches: OperatorDeps['caches'] },
): Member {
  for (const one of ports) {
    for (const { subnet: subnetName, ipAddress } of one.status?.fixedIPs ?? []) {
      const subnet = findSubnet(one, subnetName, way)
      if (!subnet || familyOf(ipAddress) !== family) continue
      const member = { name, port, address: ipAddress, own: { port: one, subnet } }
      return isPlugged(one, caches) ? member : { ...member, lacks: notPlugged(one) }
    }
  }
  const message = `no address of ${family} of a Subnet that Router ${keyOfObject(way.router)} joins in spec.interfaces by subnetRef; what it joins by a Port does not count, since answers from there go by another gateway`
  return { name, port, lacks: { reason: 'NotReached', message } }
}

function findSubnet({ spec, metadata }: Port, name: string, { subnets }: BalancerWay): Subnet | undefined {
  const namespace = spec.networkRef.namespace ?? metadata.namespace
  return [...subnets.values()].find((one) => one.metadata.name === name && one.metadata.namespace === namespace)
}

/** One that is refused an edit, or whose node does not answer, stays where it is: only what is known to be off is out. */
function isPlugged({ status }: Port, { instances }: Pick<OperatorDeps['caches'], 'instances'>): boolean {
  if (status?.state === 'ACTIVE') return true
  if (status?.state !== 'BUILD' && status?.state !== 'ERROR') return false
  // Of a host outside.
  if (status.gateways !== undefined) return true
  const machine = status.node === undefined ? undefined : instances.findByUid(status.instance?.uid ?? '')
  return machine !== undefined && !isOff(machine)
}

/** Whether it is known not to run. */
export function isOff({ spec, status }: Pick<Instance, 'spec' | 'status'>): boolean {
  return spec.runState === 'Stopped' || status?.state === 'SHUTOFF'
}

function notPlugged(port: Port): Member['lacks'] {
  return { reason: 'PortDown', message: `Port ${keyOfObject(port)} is plugged in nowhere: its machine does not run` }
}

function tooMany(pool: Pool, count: number): Outcome {
  return waitFor(
    'TooManyMembers',
    `${describe(pool)} has ${count} members and serves the first ${MOST_MEMBERS}: write a narrower selector`,
  )
}

function describe({ listener, rule }: Pool): string {
  return rule === undefined ? `listener ${listener.name}` : `rule ${rule} of listener ${listener.name}`
}

function wrongFamily(address: string, family: string, field: string): Member['lacks'] {
  if (familyOf(address) === family) return undefined
  const message = `${field}.ipAddress ${address} is not of the family of the address, ${family}`
  return { reason: 'IPFamilyMismatch', message }
}
