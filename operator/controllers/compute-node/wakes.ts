// SPDX-License-Identifier: Apache-2.0
// What wakes a ComputeNode besides what holds up its deletion and its own document.
import { CLOUD_NAME } from '../../../lib/api/kinds.ts'
import { watchOf, watchSpecOf, type Source, type Watch } from '../../../lib/loop/controller.ts'
import { findResource } from '../../kind/document-kinds.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import { listMembersOf } from '../host-aggregate/membership.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { isStray } from './strays.ts'

export function computeNodeWatches({ caches }: OperatorDeps, informers: OperatorInformers): Watch[] {
  return [
    watchOf(informers.nodes, (node) => [node.metadata.name]),
    watchOf(informers.storagePools, () => caches.computeNodes.keys()),
    watchSpecOf(informers.imageStores, () => caches.computeNodes.keys()),
    watchSpecOf(informers.hostAggregates, (aggregate) => listMembersOf(aggregate, caches)),
    watchSpecOf(informers.providerNetworks, () => caches.computeNodes.keys()),
    watchSpecOf(informers.clouds, ({ metadata }) => (metadata.name === CLOUD_NAME ? caches.computeNodes.keys() : [])),
  ]
}

export function computeNodeSources(deps: OperatorDeps): Source[] {
  const { bus, caches, network } = deps
  return [
    ({ enqueue }) => bus.conduct.onChange(enqueue),
    ({ enqueue }) => bus.inventory.onChange((node) => enqueue(node)),
    ({ enqueue }) =>
      bus.heartbeats.onChange((nodes) => {
        for (const node of nodes) enqueue(node)
      }),
    ({ enqueue }) =>
      network.onTaken((nodes) => {
        for (const node of nodes) enqueue(node)
      }),
    ({ enqueue }) => deps.releases.onRequest((node) => enqueue(node)),
    ({ enqueue }) => {
      const end = deps.claimedNodes.onSettled((node) => enqueue(node))
      return () => {
        end()
        deps.claimedNodes.stop()
      }
    },
    // What the node has without a resource is listed in its status, and an answered release is taken off it.
    ({ enqueue }) =>
      bus.observed.onChange(({ kind, uid, node }) => {
        const { orphans, releases } = caches.computeNodes.find(undefined, node)?.status ?? {}
        const isShown = orphans?.some((orphan) => orphan.uid === uid) === true
        const isOfNone = findResource(kind, uid, caches) === undefined
        if (isOfNone && (isShown || isStray(bus.observed.find(kind, uid, node), deps))) enqueue(node)
        if (releases?.some((release) => release.kind === kind && release.uid === uid)) enqueue(node)
      }),
  ]
}
