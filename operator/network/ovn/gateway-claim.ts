// SPDX-License-Identifier: Apache-2.0
// Who may claim a router's gateway. northd copies external_ids of the router port to the binding in the southbound database, whose role
// (charts/nephele/files/southbound-role.json) has these keys.
import { GATEWAY_NETWORK_KEY, GATEWAY_NODE_KEYS } from '../../../lib/contract/gateway-rows.ts'
import { byUuid } from '../../../lib/ovsdb/operations.ts'
import { mapOf, readMap, readString, setOf, type OvsMap, type OvsRow } from '../../../lib/ovsdb/values.ts'
import { gatewayPortName } from './gateway-port-name.ts'
import { FORMER, partMark } from './marks.ts'
import type { FoundRow, Northbound } from './northbound.ts'
import { Plan } from './plan.ts'
import type { PortRequest } from './port-request.ts'
import type { RouterPort } from './router-port.ts'

/** Of nodes that were dropped, in their order: whichever of them has it has to clear its claim. */
export const FORMERS = [FORMER, ...[2, 3, 4, 5, 6, 7, 8].map((n) => `nephele_former_${n}`)] as const
/** Of the nodes of the ports that may speak for a virtual one. The southbound role has these words, too. */
export const PARENT_NODE_KEYS = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => `nephele_parent_${n}`)
/** northd's name for where a router port that is on one chassis at a time is claimed: ovn-sb(5), type chassisredirect. */
const CLAIMED_AS = 'cr-'

/**
 * The mark of a gateway's port, with the network outside, where its nodes announce it. Nodes that are dropped from the list have to clear their claim, as with ports of machines: they stay named
 * until nobody of them has it.
 */
export function gatewayMark(
  routerUid: string,
  { networkUid, nodes = [] }: Pick<RouterPort, 'networkUid' | 'nodes'>,
  held: FoundRow | undefined,
): OvsMap {
  const ids = held && requestOfGateway(held.row) ? readMap(held.row['external_ids']) : {}
  return mapOf({
    ...readMap(partMark('Gateway', routerUid)),
    [GATEWAY_NETWORK_KEY]: networkUid,
    ...claimantsOf(nodes, ids),
  })
}

/**
 * The keys that let these nodes claim a port, and those that its row let before clear their claim.
 * @param ids the row's external_ids
 * @param keys for the nodes
 */
export function claimantsOf(
  nodes: readonly string[],
  ids: Readonly<Record<string, string>>,
  keys: readonly string[] = GATEWAY_NODE_KEYS,
): Record<string, string> {
  const before = [...GATEWAY_NODE_KEYS, ...PARENT_NODE_KEYS, ...FORMERS].flatMap((key) => ids[key] ?? [])
  const dropped = [...new Set(before)].filter((node) => !nodes.includes(node))
  return { ...byKey(keys, nodes), ...byKey(FORMERS, dropped) }
}

function byKey(keys: readonly string[], nodes: readonly string[]): Record<string, string> {
  return Object.fromEntries(keys.flatMap((key, i) => (nodes[i] === undefined ? [] : [[key, nodes[i]] as const])))
}

/** Which chassis the row of a router port lets claim it; undefined for rows that are no gateways of ours. */
export function requestOfGateway(row: OvsRow): PortRequest | undefined {
  const ids = readMap(row['external_ids'])
  return ids['nephele_kind'] === 'Gateway' ? requestByKeys(ids) : undefined
}

export function requestByKeys(ids: Readonly<Record<string, string>>): PortRequest {
  const [node, ...standby] = [...GATEWAY_NODE_KEYS, ...PARENT_NODE_KEYS].flatMap((key) => ids[key] ?? [])
  const [former, ...formers] = FORMERS.flatMap((key) => ids[key] ?? [])
  return { node, standby, former, formers }
}

/** As whom the southbound database knows it. */
export function claimNameOf(row: OvsRow | undefined): string[] {
  const name = readString(row?.['name'])
  return name !== undefined && row && requestOfGateway(row) ? [`${CLAIMED_AS}${name}`] : []
}

/** As whom it knows the gateway of this router. */
export function claimNameOfGateway(routerUid: string): string {
  return `${CLAIMED_AS}${gatewayPortName(routerUid)}`
}

/** UID of the router whose gateway is known under this name. */
export function routerOfClaimName(claimName: string): string | undefined {
  const uid = /^cr-router-(.+)-gateway$/.exec(claimName)?.[1]
  return uid !== undefined && claimNameOfGateway(uid) === claimName ? uid : undefined
}

/** Undefined: no gateway is claimed under this name. */
export function findGateway(claimName: string, nb: Northbound): FoundRow | undefined {
  if (!claimName.startsWith(CLAIMED_AS)) return undefined
  return nb.findNamed('Logical_Router_Port', claimName.slice(CLAIMED_AS.length))
}

export function planFormerGatewayGone({ uuid, row }: FoundRow): Plan {
  const plan = new Plan()
  if (requestOfGateway(row)?.former === undefined) return plan
  const mutations = [['external_ids', 'delete', setOf([...FORMERS])]] as const
  plan.push({ op: 'mutate', table: 'Logical_Router_Port', where: byUuid(uuid), mutations })
  return plan
}
