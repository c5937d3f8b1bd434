// SPDX-License-Identifier: Apache-2.0
import type { ComputeNode } from '../../../lib/api/types.ts'
import type { Inventory, ObservedDocument } from '../../../lib/contract/documents.ts'
import { done, waitFor, type Outcome } from '../../../lib/outcome.ts'
import type { NodePulse } from '../../bus/bus.ts'
import { cellsOf } from './numa-cells.ts'

export interface NodeVerdict {
  state: 'up' | 'down' | 'lost'
  /** Why the node gets no new machines although it is up. */
  closed?: string
  outcome: Outcome
}

export interface NodeSigns {
  pulse: NodePulse
  inventory: Inventory | undefined
  observed: ObservedDocument | undefined
  hasNode: boolean
}

/**
 * | spec.lost | pulse   | state                         |
 * |-----------|---------|-------------------------------|
 * | any       | any     | lost                          |
 * |           | up      | up, once its inventory is known |
 * |           | silent  | down                          |
 * |           | unknown | as before: this process has not listened for long enough |
 * While the bus is at fault every pulse stays as it was (invariant 4). Pure.
 */
export function judgeNode(computeNode: ComputeNode, signs: NodeSigns): NodeVerdict {
  const { spec, status } = computeNode
  if (spec.lost !== undefined) {
    const what =
      'is confirmed lost: what it holds counts as released; remove spec.lost when the node is to be used again'
    return { state: 'lost', outcome: waitFor('Lost', what) }
  }
  if (!signs.hasNode)
    return { state: 'down', outcome: waitFor('NodeMissing', 'there is no Kubernetes Node of this name') }
  if (signs.pulse === 'silent') {
    return {
      state: 'down',
      outcome: waitFor('AgentSilent', 'its agent has not been heard: look at the node, its agent and NATS'),
    }
  }
  if (signs.pulse === 'unknown') {
    const state = status?.state === 'up' ? 'up' : 'down'
    return { state, outcome: waitFor('AgentUnknown', 'waiting for its agent to be heard') }
  }
  if (!status?.inventory)
    return { state: 'down', outcome: waitFor('InventoryMissing', 'waiting for its agent to say what it has') }
  if (signs.observed?.state === 'degraded') {
    const { reason = 'Degraded', message = 'its agent reports a fault' } = signs.observed.error ?? {}
    return { state: 'up', closed: 'is degraded', outcome: waitFor(reason, message) }
  }
  if (!signs.observed)
    return {
      state: 'up',
      closed: 'is not set up yet',
      outcome: waitFor('SettingUp', 'waiting for its agent to take up its roles'),
    }
  return { state: 'up', outcome: done }
}

type StatusInventory = NonNullable<NonNullable<ComputeNode['status']>['inventory']>

/**
 * The part of the inventory that goes into the status: what placement and people need.
 * @param before what an agent that has no roles yet, as after its start, does not know stays as it was
 */
export function recordInventory(inventory: Inventory, before?: StatusInventory): StatusInventory {
  const { hypervisor, dpdk, ovs, imageCache } = inventory
  const physicalNetworks = connectedTo(inventory) ?? before?.physicalNetworks
  const pciDevices = inventory.pciDevices ?? before?.pciDevices
  const cells = cellsOf(inventory) ?? before?.cells
  return {
    address: inventory.address,
    agentVersion: inventory.agentVersion,
    bootID: inventory.bootId,
    cpus: inventory.cpus,
    memoryMiB: inventory.memoryMiB,
    ...(inventory.hugepagesMiB === undefined ? {} : { hugepagesMiB: inventory.hugepagesMiB }),
    diskGiB: inventory.diskGiB,
    ...(imageCache === undefined ? {} : { imageCacheGiB: imageCache.usedGiB }),
    ...(hypervisor
      ? {
          hypervisorType: hypervisor.type,
          hypervisorVersion: hypervisor.version,
          acceleration: hypervisor.acceleration,
          ...(hypervisor.firmware === undefined ? {} : { firmware: hypervisor.firmware }),
          ...(hypervisor.tpmVersions === undefined ? {} : { tpmVersions: hypervisor.tpmVersions }),
          ...(hypervisor.accelerationReason === undefined
            ? {}
            : { accelerationReason: hypervisor.accelerationReason.slice(0, 512) }),
        }
      : {}),
    dpdk: (dpdk?.initialized ?? false) && dpdk?.vhostUser === true,
    ...(ovs?.datapath === undefined ? {} : { datapath: ovs.datapath }),
    ...(dpdk?.version === undefined ? {} : { dpdkVersion: dpdk.version.slice(0, 64) }),
    ...(inventory.encapAddress === undefined ? {} : { tunnelAddress: inventory.encapAddress }),
    ...(physicalNetworks === undefined ? {} : { physicalNetworks }),
    ...(pciDevices === undefined ? {} : { pciDevices: pciDevices.map((devices) => ({ ...devices })) }),
    numaCells: inventory.numa.length,
    ...(cells === undefined ? {} : { cells }),
  }
}

function connectedTo({ physicalNetworks }: Inventory): string[] | undefined {
  return physicalNetworks?.flatMap(({ name, error }) => (error === undefined ? [name] : [])).sort()
}
