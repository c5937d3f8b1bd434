// SPDX-License-Identifier: Apache-2.0
// The virtual functions that a machine claims of its node: one for each Port of vnicType direct or macvtap that it has or has not let go of.
import { isDeepStrictEqual } from 'node:util'
import type { Instance, Port } from '../../../lib/api/types.ts'
import { addPciDevices, type PciClaims } from '../../scheduler/nodes/pci-devices.ts'
import { toPortAmounts } from '../../scheduler/nodes/amounts.ts'
import { PORTS_POLICY } from '../../scheduler/policy.ts'
import type { Claim } from '../../scheduler/scheduler.ts'
import type { Caches } from '../../kind/row.ts'
import { networkKeyOf } from '../../kind/network-key.ts'
import { claimOf } from '../common/machine-claims.ts'
import { findPhysicalNetwork } from '../network/physical-network.ts'
import { functionKindOf } from '../port/off-switch.ts'
import type { InstanceDeps } from './deps.ts'
import { listLeaving, portKeyOf } from './nics.ts'

type PciCaches = Pick<Caches, 'networks' | 'providerNetworks'>

/** Undefined: none. */
export function wantedPciDevices(ports: readonly Port[], caches: PciCaches): PciClaims | undefined {
  return ports.map((port) => functionOfPort(port, caches)).reduce(addPciDevices, undefined)
}

function functionOfPort(port: Port, caches: PciCaches): PciClaims | undefined {
  const kind = functionKindOf(port)
  const network = kind && caches.networks.findByKey(networkKeyOf(port))
  const physical = network && findPhysicalNetwork(network, caches)
  return kind && physical !== undefined ? { [physical]: { direct: 0, macvtap: 0, [kind]: 1 } } : undefined
}

export function recordPciDevices(instance: Instance, pciDevices: PciClaims | undefined): void {
  const status = (instance.status ??= {})
  const said = Object.entries(pciDevices ?? {})
    .map(([physicalNetwork, claim]) => ({ physicalNetwork, ...claim }))
    .sort((a, b) => (a.physicalNetwork < b.physicalNetwork ? -1 : 1))
  if (said.length > 0) status.pciDevices = said
  else delete status.pciDevices
}

/**
 * Claims one more for a Port that is added to a placed machine; it is stored with the record of its interfaces, or dropped by the next run.
 * @returns why its node has none
 */
export function claimFunction(
  instance: Instance,
  port: Port,
  deps: Pick<InstanceDeps, 'caches' | 'scheduler'>,
): string | undefined {
  const more = wantedPciDevices([port], deps.caches)
  const { uid } = instance.metadata
  const has = deps.scheduler.findClaim(uid)?.find(({ node }) => node === instance.status?.node)
  if (!more || !has) return undefined
  return claimDevices(uid, has, addPciDevices(has.amounts.pciDevices, more), deps.scheduler)
}

/** Records what was claimed for Ports that were added, and gives back what its guest has let go of. */
export function followPciDevices(instance: Instance, ports: readonly Port[], deps: InstanceDeps): void {
  const { caches, scheduler } = deps
  const [has] = claimOf(instance)
  const leaving = listLeaving(instance).flatMap(
    ({ port }) => caches.ports.findByKey(portKeyOf(instance, { portName: port })) ?? [],
  )
  const wanted = wantedPciDevices([...ports, ...leaving], caches)
  if (!has || isDeepStrictEqual(wanted, has.amounts.pciDevices)) return
  const why = claimDevices(instance.metadata.uid, has, wanted, scheduler)
  if (why === undefined) recordPciDevices(instance, wanted)
}

function claimDevices(
  uid: string,
  { node, amounts: { vcpus, memoryMiB, diskGiB, bandwidth } }: Claim[number],
  wanted: PciClaims | undefined,
  scheduler: InstanceDeps['scheduler'],
): string | undefined {
  const amounts = { vcpus, memoryMiB, diskGiB, ...toPortAmounts(bandwidth, wanted) }
  const ask = { excluded: new Map<string, string>(), requireKvm: false, needsVhostUser: false }
  return scheduler.resize(node, { uid, amounts, ...ask }, PORTS_POLICY)
}
