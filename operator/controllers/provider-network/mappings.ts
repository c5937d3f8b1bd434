// SPDX-License-Identifier: Apache-2.0
// By what a node is connected to physical networks, as ProviderNetworks say.
import type { KubeNode, ProviderNetwork } from '../../../lib/api/types.ts'
import type { NodeDocument } from '../../../lib/contract/documents.ts'
import { listHolders } from '../../kind/holders.ts'
import { isOlder } from '../../kind/is-older.ts'
import type { Caches } from '../../kind/row.ts'
import { physicalNetworkOf } from './kind.ts'

export type Mapping = NonNullable<NodeDocument['spec']['physicalNetworks']>[number]

export interface NodeMappings {
  /** Sorted by name. */
  mappings: Mapping[]
  /** By UID of a ProviderNetwork: why what it says of the node does not count. */
  conflicts: ReadonlyMap<string, string>
}

/** More than a node can report, or be asked to have. */
const MOST_ON_A_NODE = 64

/** Those that count, the oldest first: those being deleted only while they are in use. */
export function listInForce(caches: Caches): ProviderNetwork[] {
  return caches.providerNetworks
    .list()
    .filter(
      (one) => one.metadata.deletionTimestamp === undefined || listHolders('providerNetworks', one, caches).length > 0,
    )
    .sort((a, b) => (isOlder(a, b) ? -1 : 1))
}

/**
 * Of two ProviderNetworks that say different things of one physical network, or connect two by the same interface or bridge, the older one counts.
 * Pure.
 * @param inForce the oldest first
 */
export function mappingsOf(node: KubeNode, inForce: readonly ProviderNetwork[]): NodeMappings {
  const given = new Map<string, Given>()
  const conflicts = new Map<string, string>()
  for (const one of inForce) {
    const mapping = findMapping(one, node)
    if (!mapping) continue
    const why = whyNot(mapping, given)
    if (why !== undefined) conflicts.set(one.metadata.uid, why)
    else given.set(mapping.name, withFunctions(given.get(mapping.name), { mapping, by: one.metadata.name }))
  }
  const mappings = [...given.values()].map(({ mapping }) => mapping)
  return { mappings: mappings.sort((a, b) => (a.name < b.name ? -1 : 1)), conflicts }
}

interface Given {
  mapping: Mapping
  by: string
}

/** The oldest that says it says it for all. */
function withFunctions(had: Given | undefined, { mapping, by }: Given): Given {
  if (!had) return { mapping, by }
  const { physicalFunctions = mapping.physicalFunctions } = had.mapping
  return physicalFunctions ? { ...had, mapping: { ...had.mapping, physicalFunctions } } : had
}

/** What the ProviderNetwork says of the node; undefined: nothing. */
export function findMapping(providerNetwork: ProviderNetwork, node: KubeNode): Mapping | undefined {
  const found = findEntry(providerNetwork, node)
  if (!found) return undefined
  const { interface: by, bridge, physicalFunctions } = found
  const name = physicalNetworkOf(providerNetwork)
  const { controller } = providerNetwork.spec
  const of = controller ? { controller: controller.name } : {}
  return {
    ...{ name, ...of, ...(by === undefined ? {} : { interface: by }), ...(bridge === undefined ? {} : { bridge }) },
    ...(physicalFunctions === undefined ? {} : { physicalFunctions: [...physicalFunctions].sort() }),
  }
}

/** The first entry that matches the node. */
export function findEntry(
  { spec }: ProviderNetwork,
  { metadata: { labels = {} } }: KubeNode,
): NonNullable<ProviderNetwork['spec']['nodes']>[number] | undefined {
  return spec.nodes?.find(({ nodeSelector }) =>
    Object.entries(nodeSelector?.matchLabels ?? {}).every(([key, value]) => labels[key] === value),
  )
}

function whyNot(mapping: Mapping, given: ReadonlyMap<string, Given>): string | undefined {
  const same = given.get(mapping.name)
  const functions = whyNotFunctions(mapping, given)
  if (functions !== undefined) return functions
  if (same) {
    const isSame =
      same.mapping.interface === mapping.interface &&
      same.mapping.bridge === mapping.bridge &&
      same.mapping.controller === mapping.controller
    return isSame
      ? undefined
      : `ProviderNetwork ${same.by} connects it by ${describe(same.mapping)}, not ${describe(mapping)}`
  }
  const taken = [...given.values()].find(({ mapping: other }) =>
    mapping.interface === undefined ? other.bridge === mapping.bridge : other.interface === mapping.interface,
  )
  if (taken) return `${describe(mapping)} is that of ProviderNetwork ${taken.by}, for another physical network`
  return given.size < MOST_ON_A_NODE
    ? undefined
    : `it has ${MOST_ON_A_NODE} physical networks, the most that a node may have`
}

/** A card is on one physical network. */
function whyNotFunctions(mapping: Mapping, given: ReadonlyMap<string, Given>): string | undefined {
  for (const { mapping: other, by } of given.values()) {
    const [own, its] = [mapping.physicalFunctions ?? [], other.physicalFunctions ?? []]
    if (other.name !== mapping.name) {
      const taken = own.find((name) => its.includes(name))
      if (taken !== undefined)
        return `physical function ${taken} is that of ProviderNetwork ${by}, for another physical network`
    } else if (own.length > 0 && its.length > 0 && own.join() !== its.join()) {
      return `ProviderNetwork ${by} has physicalFunctions ${its.join(', ')} on it, not ${own.join(', ')}`
    }
  }
  return undefined
}

function describe({ interface: by, bridge, controller }: Mapping): string {
  const whose = controller === undefined ? '' : ` of SDN controller ${controller}`
  return by === undefined ? `bridge ${bridge ?? ''}${whose}` : `interface ${by}`
}
