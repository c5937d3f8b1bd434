// SPDX-License-Identifier: Apache-2.0
import type { LogicalListener } from '../../network/logical-kinds.ts'
import type { Member } from './members.ts'
import { isProxied, type Listener } from './pools.ts'

/** `sources`: by UID of a Subnet, from where its members are probed. `proxyAddress`: of its proxies, if it has any. Pure. */
export function toLogical(
  listener: Listener,
  members: readonly Member[],
  { sources, proxyAddress }: { sources: ReadonlyMap<string, string>; proxyAddress: string | undefined },
): LogicalListener {
  const { protocol, port, sessionAffinity } = listener
  if (isProxied(protocol)) return toProxy(port, proxyAddress)
  const monitor = monitorOf(listener)
  return {
    ...{ protocol, port, members: members.flatMap((member) => toLogicalMember(member, sources)) },
    ...(sessionAffinity ? { affinitySeconds: sessionAffinity.timeoutSeconds ?? 600 } : {}),
    ...(monitor ? { monitor } : {}),
  }
}

/** With its defaults. Pure. */
export function monitorOf({ healthMonitor }: Pick<Listener, 'healthMonitor'>): LogicalListener['monitor'] {
  if (!healthMonitor) return undefined
  const { intervalSeconds = 5, successThreshold = 1, failureThreshold = 2 } = healthMonitor
  const timeoutSeconds = healthMonitor.timeoutSeconds ?? usualTimeout(intervalSeconds, failureThreshold)
  return { intervalSeconds, timeoutSeconds, successThreshold, failureThreshold }
}

const USUAL_TIMEOUT = 3

/** Less where a member that answers nothing could not be out in time otherwise (operator/network/ovn/probe-timing.ts). */
function usualTimeout(intervalSeconds: number, failureThreshold: number): number {
  const fitting = (Math.max(failureThreshold, 2) * intervalSeconds - failureThreshold - 2) / failureThreshold
  return Math.min(USUAL_TIMEOUT, Math.max(1, Math.floor(fitting)))
}

/** Connections go to whichever proxy has the address; its members are the proxy's business. Pure. */
function toProxy(port: number, proxyAddress: string | undefined): LogicalListener {
  return { protocol: 'tcp', port, members: proxyAddress === undefined ? [] : [{ address: proxyAddress, port }] }
}

function toLogicalMember(
  { address, port, own, lacks }: Member,
  sources: ReadonlyMap<string, string>,
): LogicalListener['members'][number][] {
  if (address === undefined || lacks) return []
  const probeSource = own && sources.get(own.subnet.metadata.uid)
  return [
    {
      ...{ address, port },
      ...(own ? { portUid: own.port.metadata.uid } : {}),
      ...(probeSource === undefined ? {} : { probeSource }),
    },
  ]
}
