// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util'
import type { LoadBalancer } from '../../../lib/api/types.ts'
import type { Outcome } from '../../../lib/outcome.ts'
import { claimProbe, releaseProbes, type AddressDeps } from './address.ts'
import type { Member } from './members.ts'
import { isProxied, type Pool } from './pools.ts'
import type { BalancerWay } from './way.ts'

type ProbeAddress = NonNullable<NonNullable<LoadBalancer['status']>['probeAddresses']>[number]

interface ClaimedProbes {
  /** By UID of the Subnet. */
  sources: ReadonlyMap<string, string>
  lacks: Outcome[]
  probes: readonly ProbeAddress[]
  /** The Subnets from which it probes, or should. */
  uids: ReadonlySet<string>
}

/** An address in each Subnet of members that are monitored; it records them before anybody is probed from there. */
export async function claimProbes(
  balancer: LoadBalancer,
  found: readonly { pool: Pool; members: readonly Member[] }[],
  { subnets }: BalancerWay,
  deps: AddressDeps,
): Promise<ClaimedProbes> {
  const monitored = found.filter(({ pool }) => pool.healthMonitor !== undefined && !isProxied(pool.listener.protocol))
  const uids = new Set(monitored.flatMap(({ members }) => members.flatMap(({ own }) => own?.subnet.metadata.uid ?? [])))
  const lacks: Outcome[] = []
  const probes: ProbeAddress[] = []
  for (const uid of [...uids].sort()) {
    const subnet = subnets.get(uid)
    if (!subnet) continue
    const address = await claimProbe(balancer, subnet, deps)
    if (!address.ok) lacks.push(address.outcome)
    else probes.push({ subnet: subnet.metadata.name, subnetUID: uid, ipAddress: address.object.address })
  }
  const had = balancer.status?.probeAddresses ?? []
  setProbes(balancer, [...had.filter((one) => !probes.some((other) => isDeepStrictEqual(one, other))), ...probes])
  return { sources: new Map(probes.map(({ subnetUID, ipAddress }) => [subnetUID, ipAddress])), lacks, probes, uids }
}

/** Once nobody is probed from there. */
export async function leaveProbes(
  balancer: LoadBalancer,
  { probes, uids }: Pick<ClaimedProbes, 'probes' | 'uids'>,
  deps: AddressDeps,
): Promise<void> {
  await releaseProbes(balancer, uids, deps)
  setProbes(balancer, probes)
}

function setProbes(balancer: LoadBalancer, probes: readonly ProbeAddress[]): void {
  const status = (balancer.status ??= {})
  if (probes.length > 0) status.probeAddresses = [...probes]
  else delete status.probeAddresses
}
