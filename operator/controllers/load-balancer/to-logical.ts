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
  return {
    intervalSeconds: healthMonitor.intervalSeconds ?? 5,
    timeoutSeconds: healthMonitor.timeoutSeconds ?? 3,
    successThreshold: healthMonitor.successThreshold ?? 1,
    failureThreshold: healthMonitor.failureThreshold ?? 2,
  }
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
