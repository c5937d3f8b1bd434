// SPDX-License-Identifier: Apache-2.0
import { keyOfObject } from '../../../lib/kube/object.ts'
import type { OperatorDeps } from '../common/deps.ts'
import type { MemberStatus, PoolStatus, Status } from './member-status.ts'
import type { Member } from './members.ts'
import { isProxied, type Pool } from './pools.ts'
import type { Proxies } from './proxies.ts'
import { isHidden } from './shown-members.ts'

interface Observation {
  before: Status
  network: Pick<OperatorDeps['network'], 'hasProbes' | 'probeOf'>
  /** For HTTP listeners. */
  proxies: Pick<Proxies, 'probed' | 'isHeard'>
  /** From where members are probed, by UID of their Subnet. */
  sources: ReadonlyMap<string, string>
  now: string
}

/**
 * What is said of a pool's members: the same since the same time as long as it is the same. Of one that was not shown before it is not known since when,
 * unless none of those was what it is now. Pure, but for the probes.
 * @returns undefined when nobody has said yet what probes found, and before not all were shown: then that stands
 */
export function observePool(
  pool: Pool,
  members: readonly Member[],
  { before, network, proxies, sources, now }: Observation,
): MemberStatus[] | undefined {
  const { healthMonitor, listener } = pool
  const { protocol } = listener
  const was = statusOf(pool, before)
  const known = was?.members ?? []
  const isUnsaid = isProxied(protocol) ? proxies.isHeard === true && proxies.probed === undefined : !network.hasProbes()
  if (healthMonitor && was && isUnsaid && isHidden(was)) return undefined
  return members.map((member) => {
    const old = known.find(
      ({ name, port, ipAddress }) => name === member.name && port === member.port && ipAddress === member.address,
    )
    const said = isProxied(protocol)
      ? judgeHttp(pool, member, { ...proxies, old })
      : judge({ healthMonitor, protocol }, member, { network, sources, old })
    const isSame = old?.status === said.status && old.reason === said.reason
    const wasHidden = !old && was !== undefined && isHidden(was, said.status)
    const since = isSame ? old.since : wasHidden ? undefined : now
    return { ...identityOf(member), ...said, ...(since === undefined ? {} : { since }) }
  })
}

/** What was said of the pool before. Pure. */
export function statusOf({ listener, rule }: Pool, { listeners }: Status): PoolStatus | undefined {
  const known = listeners?.find(({ name }) => name === listener.name)
  return rule === undefined ? known : known?.rules?.find(({ name }) => name === rule)
}

function identityOf({ name, port, address }: Member): Pick<MemberStatus, 'name' | 'port' | 'ipAddress'> {
  return { name, port, ...(address === undefined ? {} : { ipAddress: address }) }
}

/** As the proxy that serves sees it. One that has not spoken yet leaves standing what was said before; once nobody is heard nobody knows. */
function judgeHttp(
  { name, healthMonitor }: Pool,
  { lacks, address, port }: Member,
  { probed, isHeard, old }: Observation['proxies'] & { old: MemberStatus | undefined },
): Pick<MemberStatus, 'status' | 'reason' | 'message'> {
  if (lacks) return { status: 'OFFLINE', ...lacks }
  if (!healthMonitor || address === undefined) return { status: 'NO_MONITOR' }
  const said = probed?.find((one) => one.pool === name && one.address === address && one.port === port)
  if (!said && !isHeard)
    return { status: 'OFFLINE', reason: 'ProxyNotServing', message: 'no proxy is heard that could probe it' }
  if (!said && old && wasProbed(old)) return verdictOf(old)
  if (!said) return { status: 'OFFLINE', reason: 'NotProbedYet', message: 'no probe has come to a result yet' }
  if (said.isUp) return { status: 'ONLINE' }
  const why = said.why === undefined ? '' : ` (HAProxy: ${said.why})`
  const message = `the probe of ${address}, port ${port}, failed${why}: look whether the service runs there, and whether SecurityGroups let in the addresses of status.proxies`
  return { status: 'OFFLINE', reason: 'NoAnswer', message }
}

function judge(
  { healthMonitor, protocol }: { healthMonitor?: unknown; protocol: 'tcp' | 'udp' | 'sctp' },
  { lacks, own, address, port }: Member,
  { network, sources, old }: Pick<Observation, 'network' | 'sources'> & { old: MemberStatus | undefined },
): Pick<MemberStatus, 'status' | 'reason' | 'message'> {
  if (lacks) return { status: 'OFFLINE', ...lacks }
  if (!healthMonitor || address === undefined) return { status: 'NO_MONITOR' }
  // OVN hands nothing to who is not known to be online, where a listener has a monitor at all.
  if (!own || !sources.has(own.subnet.metadata.uid)) return { status: 'OFFLINE', ...whyNotProbed(own) }
  const result = network.probeOf({ portUid: own.port.metadata.uid, address, protocol, port })
  if (result === 'online') return { status: 'ONLINE' }
  // An operator that has just begun does not know yet what was found.
  if (result === undefined && old && !network.hasProbes() && wasProbed(old)) return verdictOf(old)
  if (result === undefined)
    return { status: 'OFFLINE', reason: 'NotProbedYet', message: 'no probe has come to a result yet' }
  const message = `nothing answers at ${address}, ${protocol} port ${port}: look whether the service runs and listens there`
  return { status: 'OFFLINE', reason: 'NoAnswer', message }
}

function whyNotProbed(own: Member['own']): Pick<MemberStatus, 'reason' | 'message'> {
  const message = own
    ? `no address that it could be probed from is to be had in Subnet ${keyOfObject(own.subnet)}: until then it gets no connections`
    : 'only Ports and Instances can be probed, and a listener with a healthMonitor gives connections to none that are not: name its Port by portRef, or take healthMonitor out'
  return { reason: 'MemberNotProbed', message }
}

function wasProbed({ status, reason }: MemberStatus): boolean {
  return status === 'ONLINE' || reason === 'NoAnswer'
}

function verdictOf({ status, reason, message }: MemberStatus): Pick<MemberStatus, 'status' | 'reason' | 'message'> {
  return { status, ...(reason === undefined ? {} : { reason }), ...(message === undefined ? {} : { message }) }
}
