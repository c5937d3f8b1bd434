// SPDX-License-Identifier: Apache-2.0
import type { FilterSettings } from './settings.ts'
import type { Amounts } from '../nodes/amounts.ts'
import type { NumaWish } from '../numa/numa-wish.ts'

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
  /** The ServerGroup that it is a member of. */
  group?: GroupRequest
  hints?: Hints
  /** Of the profile; absent: Nova's defaults. */
  settings?: FilterSettings
  /** `namespace/name` of its image, and its UID. */
  image?: string
  imageUid?: string
  /** 1 in the rows of nodes that have the image: the scheduler fills it in. */
  imageRows?: Float64Array
  /** What it asks for beyond its size; absent: nothing. */
  flavor?: { name: string; extraSpecs: Readonly<Record<string, string>> }
  /** What it asks of NUMA; absent: nothing. */
  numa?: NumaWish
  /** By their Glance names. */
  imageProperties?: Readonly<Record<string, string>>
}

/** What a user asks for beside room: spec.schedulerHints of an Instance, with nodes in place of machines. */
export interface Hints {
  sameHost?: ReadonlySet<string>
  differentHost?: ReadonlySet<string>
  buildNearHostIP?: string
  prefix?: number
  query?: string
  node?: string
}

export interface GroupRequest {
  /** `namespace/name`, as it stands in the claims of its members. */
  key: string
  policy: GroupPolicy
  /** Of members on a node, with anti-affinity. */
  most: number
  /** How many others of its members are on which node: the scheduler fills it in from the claims. */
  membersOn?: ReadonlyMap<string, number>
}

export type GroupPolicy = 'affinity' | 'anti-affinity' | 'soft-affinity' | 'soft-anti-affinity'

/** What interfaces ask of a node. */
export interface InterfaceRequest {
  /** One of the ports is a vhost-user port: memory shared with a switch on DPDK. */
  needsVhostUser: boolean
  /** Those of the ports; absent: none. */
  physicalNetworks?: readonly string[]
}
