// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto'
import type { ComputeNode, KubeNode, Router } from '../../../lib/api/types.ts'
import type { OperatorDeps } from './deps.ts'
import { isConnected } from './connected.ts'

/** How many nodes stand ready for one gateway: the first carries the traffic, the others take over in their order. */
const DEPTH = 3

export interface GatewayNode {
  name: string
  zone: string | undefined
  /** Routers whose traffic it carries. */
  load: number
  /** Whether it may be chosen now; one that is not keeps what it has. */
  isUp: boolean
  /** Whoever closes a node to new work wants it empty: it gives up what it has once another node can take it. */
  isClosed: boolean
}

/**
 * The nodes of a gateway, the preferred one first. Those that it has stay in their order, so that traffic does not move without need, also
 * while their agent is silent: whether they forward is for OVN to find out (BFD). New ones: another zone first, then the least load. Pure.
 * @param candidates the nodes that are allowed to carry it
 */
export function chooseGateways(
  present: readonly string[],
  candidates: readonly GatewayNode[],
  routerUid: string,
  depth = DEPTH,
): string[] {
  const had = present.flatMap((name) => candidates.find((node) => node.name === name) ?? [])
  const chosen = had.filter(({ isClosed }) => !isClosed).slice(0, depth)
  const rest = candidates.filter((node) => node.isUp && !node.isClosed && !chosen.includes(node))
  while (chosen.length < depth) {
    const zones = new Set(chosen.map(({ zone }) => zone))
    const rank = (node: GatewayNode) => [zones.has(node.zone) ? 1 : 0, node.load, order(node.name, routerUid)] as const
    const [best] = rest.sort((a, b) => compare(rank(a), rank(b)))
    if (!best) break
    rest.shift()
    chosen.push(best)
  }
  // One that is closed stays the first until a node that is up can take over.
  const kept = chosen.some(({ isUp }) => isUp) ? [] : had.filter(({ isClosed }) => isClosed)
  return [...kept, ...chosen].slice(0, depth).map(({ name }) => name)
}

/** Nodes with the gateway role that are connected to the physical network, if it is one. */
export function listGatewayNodes(
  physicalNetwork: string | undefined,
  { caches }: Pick<OperatorDeps, 'caches'>,
): GatewayNode[] {
  return caches.computeNodes
    .list()
    .filter(isGateway)
    .filter((node) => physicalNetwork === undefined || isConnected(node, physicalNetwork))
    .map((node) => ({
      name: node.metadata.name,
      zone: node.status?.zone,
      load: caches.routers.listBy('activeGateway', node.metadata.name).length,
      isUp: node.status?.state === 'up',
      isClosed: node.spec.unschedulable === true || isCordoned(caches.nodes.find(undefined, node.metadata.name)),
    }))
}

function isGateway({ metadata, spec, status }: ComputeNode): boolean {
  if (metadata.deletionTimestamp !== undefined || spec.lost !== undefined) return false
  return status?.roles?.includes('gateway') ?? false
}

export function isCordoned(node: KubeNode | undefined): boolean {
  return node?.spec?.unschedulable === true
}

/** What `listGatewayNodes` reads of a node: a change of anything else wakes no Router. */
export function gatewayFactsOf(node: ComputeNode): unknown {
  const { metadata, spec, status } = node
  if (!isGateway(node)) return undefined
  return [
    ...[metadata.uid, spec.unschedulable, status?.state === 'up', status?.zone],
    status?.inventory?.physicalNetworks,
  ]
}

/** Routers that wait for a node, or that another one could help to carry. */
export function wantsGateways({ spec, status }: Router): boolean {
  return spec.externalGateway !== undefined && (status?.gateways?.length ?? 0) < DEPTH
}

/** Spreads routers that are made at the same time, before their loads are counted. */
function order(node: string, routerUid: string): number {
  return createHash('sha256').update(`${routerUid} ${node}`).digest().readUInt32BE()
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, i) => value !== b[i])
  return at === -1 ? 0 : (a[at] ?? 0) - (b[at] ?? 0)
}
