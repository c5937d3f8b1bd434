// SPDX-License-Identifier: Apache-2.0
// The virtual functions that a machine claims of its node: one for each Port of vnicType direct or macvtap that it has or has not let go of.
import { isDeepStrictEqual } from 'node:util'
import type { Instance, Port } from '../../../lib/api/types.ts'
import { addPciDevices, type PciClaims } from '../../scheduler/nodes/pci-devices.ts'
import { toPortAmounts } from '../../scheduler/nodes/amounts.ts'
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

/** Gives back what its guest has let go of. A placed machine gets no function more (reach.ts), so that there is nothing to ask for. */
export function followPciDevices(instance: Instance, ports: readonly Port[], deps: InstanceDeps): void {
  const { caches, scheduler } = deps
  const [has] = claimOf(instance)
  const leaving = listLeaving(instance).flatMap(
    ({ port }) => caches.ports.findByKey(portKeyOf(instance, { portName: port })) ?? [],
  )
  const wanted = wantedPciDevices([...ports, ...leaving], caches)
  if (!has || isDeepStrictEqual(wanted, has.amounts.pciDevices)) return
  const { vcpus, memoryMiB, diskGiB, bandwidth } = has.amounts
  const amounts = { vcpus, memoryMiB, diskGiB, ...toPortAmounts(bandwidth, wanted) }
  const ask = { excluded: new Map<string, string>(), requireKvm: false, needsVhostUser: false }
  const why = scheduler.resize(has.node, { uid: instance.metadata.uid, amounts, ...ask })
  if (why === undefined) recordPciDevices(instance, wanted)
}
