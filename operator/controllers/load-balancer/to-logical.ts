// SPDX-License-Identifier: Apache-2.0
import type { LogicalListener } from '../../network/logical-kinds.ts'
import type { Listener, Member } from './members.ts'

/** `sources`: by UID of a Subnet, from where its members are probed. Pure. */
export function toLogical(
  { protocol, port, sessionAffinity, healthMonitor }: Listener,
  members: readonly Member[],
  sources: ReadonlyMap<string, string>,
): LogicalListener {
  return {
    ...{ protocol, port, members: members.flatMap((member) => toLogicalMember(member, sources)) },
    ...(sessionAffinity ? { affinitySeconds: sessionAffinity.timeoutSeconds ?? 600 } : {}),
    ...(healthMonitor
      ? {
          monitor: {
            intervalSeconds: healthMonitor.intervalSeconds ?? 5,
            timeoutSeconds: healthMonitor.timeoutSeconds ?? 3,
            successThreshold: healthMonitor.successThreshold ?? 1,
            failureThreshold: healthMonitor.failureThreshold ?? 2,
          },
        }
      : {}),
  }
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
