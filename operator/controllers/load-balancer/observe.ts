// SPDX-License-Identifier: Apache-2.0
import type { LoadBalancer } from '../../../lib/api/types.ts'
import type { OperatorDeps } from '../common/deps.ts'
import type { Listener, Member } from './members.ts'
import type { Proxies } from './proxies.ts'

type Status = NonNullable<LoadBalancer['status']>
type ListenerStatus = NonNullable<Status['listeners']>[number]
type MemberStatus = ListenerStatus['members'][number]

interface Observation {
  before: Status
  network: Pick<OperatorDeps['network'], 'hasProbes' | 'probeOf'>
  /** For HTTP listeners. */
  proxies: Pick<Proxies, 'probed' | 'isHeard'>
  /** From where members are probed, by UID of their Subnet. */
  sources: ReadonlyMap<string, string>
  now: string
}

/** What is said of a listener's members: the same since the same time as long as it is the same. Pure, but for the probes. */
export function observeListener(
  listener: Listener,
  members: readonly Member[],
  { before, network, proxies, sources, now }: Observation,
): ListenerStatus {
  const known = before.listeners?.find(({ name }) => name === listener.name)?.members ?? []
  return {
    name: listener.name,
    port: listener.port,
    members: members.map((member) => {
      const old = known.find(
        ({ name, port, ipAddress }) => name === member.name && port === member.port && ipAddress === member.address,
      )
      const said =
        listener.protocol === 'http'
          ? judgeHttp(listener, member, { ...proxies, old })
          : judge({ ...listener, protocol: listener.protocol }, member, { network, sources, old })
      const isSame = old?.status === said.status && old.reason === said.reason
      return { ...identityOf(member), ...said, since: isSame ? old.since : now }
    }),
  }
}

function identityOf({
  name,
  port,
  address,
  own,
}: Member): Pick<MemberStatus, 'name' | 'port' | 'ipAddress' | 'portUID'> {
  return {
    ...{ name, port },
    ...(address === undefined ? {} : { ipAddress: address }),
    ...(own === undefined ? {} : { portUID: own.port.metadata.uid }),
  }
}

/** As the proxy that serves sees it. One that has not spoken yet leaves standing what was said before; once nobody is heard nobody knows. */
function judgeHttp(
  { name, healthMonitor }: Listener,
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
  if (!healthMonitor || !own || address === undefined) return { status: 'NO_MONITOR' }
  // Nobody probes it, and so it is never left out.
  if (!sources.has(own.subnet.metadata.uid)) return { status: 'NO_MONITOR' }
  const result = network.probeOf({ portUid: own.port.metadata.uid, address, protocol, port })
  if (result === 'online') return { status: 'ONLINE' }
  // An operator that has just begun does not know yet what was found.
  if (result === undefined && old && !network.hasProbes() && wasProbed(old)) return verdictOf(old)
  if (result === undefined)
    return { status: 'OFFLINE', reason: 'NotProbedYet', message: 'no probe has come to a result yet' }
  const message = `nothing answers at ${address}, ${protocol} port ${port}: look whether the service runs and listens there`
  return { status: 'OFFLINE', reason: 'NoAnswer', message }
}

function wasProbed({ status, reason }: MemberStatus): boolean {
  return status === 'ONLINE' || reason === 'NoAnswer'
}

function verdictOf({ status, reason, message }: MemberStatus): Pick<MemberStatus, 'status' | 'reason' | 'message'> {
  return { status, ...(reason === undefined ? {} : { reason }), ...(message === undefined ? {} : { message }) }
}

/** Of all listeners together. */
export function operatingStatusOf(listeners: readonly ListenerStatus[]): NonNullable<Status['operatingStatus']> {
  const all = listeners.flatMap(({ members }) => members.map(({ status }) => status))
  const isDown = ({ members }: ListenerStatus) => !members.some(({ status }) => status !== 'OFFLINE')
  if (all.length === 0 || listeners.every(isDown)) return 'OFFLINE'
  if (all.includes('OFFLINE') || listeners.some(isDown)) return 'DEGRADED'
  return all.includes('ONLINE') ? 'ONLINE' : 'NO_MONITOR'
}
