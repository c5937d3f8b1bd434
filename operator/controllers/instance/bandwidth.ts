// SPDX-License-Identifier: Apache-2.0
// What the scheduler sets aside for a machine of the physical networks that its ports are on: what their policies ask for at least.
import { isDeepStrictEqual } from 'node:util'
import type { Instance, Port, QoSPolicy } from '../../../lib/api/types.ts'
import { findCondition, setCondition } from '../../../lib/conditions.ts'
import { toPortAmounts } from '../../scheduler/nodes/amounts.ts'
import { addBandwidth, type Bandwidth, type Kbps } from '../../scheduler/nodes/bandwidth.ts'
import { PORTS_POLICY } from '../../scheduler/policy.ts'
import type { Caches } from '../../kind/row.ts'
import { claimOf } from '../common/machine-claims.ts'
import { findPhysicalNetwork } from '../network/physical-network.ts'
import { resolvePortPolicy } from '../port/qos-policy.ts'
import type { InstanceDeps, InstanceRun } from './deps.ts'
import { networkKeyOf } from '../../kind/network-key.ts'

const BANDWIDTH_PENDING = 'BandwidthPending'

type BandwidthCaches = Pick<Caches, 'networks' | 'providerNetworks' | 'qosPolicies'>
type Said = NonNullable<NonNullable<Instance['status']>['bandwidth']>

/** Undefined: nothing. */
export function wantedBandwidth(ports: readonly Port[], caches: BandwidthCaches): Bandwidth | undefined {
  return ports.map((port) => bandwidthOfPort(port, caches)).reduce(addBandwidth, undefined)
}

function bandwidthOfPort(port: Port, caches: BandwidthCaches): Bandwidth | undefined {
  const network = caches.networks.findByKey(networkKeyOf(port))
  const physical = network && findPhysicalNetwork(network, caches)
  if (!network || physical === undefined) return undefined
  const policy = resolvePortPolicy(port, network, caches)
  // One that cannot be had leaves the port what it has.
  const given = port.status?.qosPolicyUID
  const effective = policy.ok ? policy.object : given === undefined ? undefined : caches.qosPolicies.findByUid(given)
  const least = effective && leastOf(effective)
  return least && { [physical]: least }
}

function leastOf({ spec }: QoSPolicy): Kbps | undefined {
  const [egressKbps = 0, ingressKbps = 0] = (['egress', 'ingress'] as const).map(
    (wanted) => spec.minimumBandwidths?.find(({ direction }) => direction === wanted)?.minKbps ?? 0,
  )
  return egressKbps === 0 && ingressKbps === 0 ? undefined : { egressKbps, ingressKbps }
}

export function recordBandwidth(instance: Instance, bandwidth: Bandwidth | undefined): void {
  const status = (instance.status ??= {})
  const said: Said = Object.entries(bandwidth ?? {})
    .map(([physicalNetwork, kbps]) => ({ physicalNetwork, ...kbps }))
    .sort((a, b) => (a.physicalNetwork < b.physicalNetwork ? -1 : 1))
  if (said.length > 0) status.bandwidth = said
  else delete status.bandwidth
}

/**
 * Another policy, or another rule of it, changes what is set aside on the machine's node. What does not fit there is not: the condition
 * BandwidthPending says so, and the machine goes on with what it has, until there is room.
 */
export function followBandwidth(
  instance: Instance,
  ports: readonly Port[],
  deps: InstanceDeps,
  run: InstanceRun,
): void {
  const status = (instance.status ??= {})
  const { node = '' } = status
  const wanted = wantedBandwidth(ports, deps.caches)
  const [has] = claimOf(instance)
  if (!has || isDeepStrictEqual(wanted, has.amounts.bandwidth)) {
    say(instance, undefined, run)
    return
  }
  const { vcpus, memoryMiB, diskGiB, pciDevices } = has.amounts
  const amounts = { vcpus, memoryMiB, diskGiB, ...toPortAmounts(wanted, pciDevices) }
  const ask = { excluded: new Map<string, string>(), requireKvm: false, needsVhostUser: false }
  const why = deps.scheduler.resize(node, { uid: instance.metadata.uid, amounts, ...ask }, PORTS_POLICY)
  if (why === undefined) recordBandwidth(instance, wanted)
  else deps.waitingRoom.enter(run.key, { for: 'here', node })
  say(instance, why, run)
}

function say(instance: Instance, why: string | undefined, run: InstanceRun): void {
  const status = (instance.status ??= {})
  const old = findCondition(status.conditions, BANDWIDTH_PENDING)
  if (why === undefined) {
    if (old) status.conditions = (status.conditions ?? []).filter(({ type }) => type !== BANDWIDTH_PENDING)
    return
  }
  const message = `what the QoSPolicies of its Ports set aside does not fit on node ${status.node ?? ''}, which ${why}: the machine keeps what it has until there is room; write a lower minKbps, or delete the Instance and make it again to have it on another node`
  const update = { type: BANDWIDTH_PENDING, status: 'True', reason: 'NoBandwidth', message } as const
  status.conditions = setCondition(status.conditions, update, instance.metadata.generation, run.now)
  if (!old) run.event({ type: 'Warning', reason: 'NoBandwidth', action: 'SetAside', note: message })
}
