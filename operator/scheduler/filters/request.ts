// SPDX-License-Identifier: Apache-2.0
import type { Amounts } from '../nodes/amounts.ts'

export interface PlacementRequest extends InterfaceRequest {
  /** The instance's UID: identity of the claim and seed of the tie-break. */
  uid: string
  amounts: Amounts
  availabilityZone?: string
  /** Nodes that refused this machine, with the reason. */
  excluded: ReadonlyMap<string, string>
  requireKvm: boolean
  /** Namespace of the machine; absent: nothing depends on it, as where only room is asked for. */
  project?: string
  /** What it asks for beyond its size; absent: nothing. */
  flavor?: { name: string; extraSpecs: Readonly<Record<string, string>> }
  /** By their Glance names. */
  imageProperties?: Readonly<Record<string, string>>
}

/** What interfaces ask of a node. */
export interface InterfaceRequest {
  /** One of the ports is a vhost-user port: memory shared with a switch on DPDK. */
  needsVhostUser: boolean
  /** Those of the ports; absent: none. */
  physicalNetworks?: readonly string[]
}
