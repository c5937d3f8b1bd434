// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util'
import type { ComputeNode } from '../../lib/api/types.ts'
import type { KubeObject } from '../../lib/kube/object.ts'
import { isLaterVersion } from '../../lib/informer/resource-version.ts'
import { DOCUMENT_KINDS, type DocumentKind } from '../../lib/contract/documents.ts'
import type { OperatorDeps } from '../controllers/common/deps.ts'
import { claimOf, tellClaim } from '../controllers/common/machine-claims.ts'
import type { TombstoneCollector } from '../placed/tombstone-collector.ts'
import { followQuotas } from '../kind/follow-quotas.ts'
import { toStoredBlock } from '../ipam/claim-object.ts'
import { informerOf, type OperatorInformers } from '../kind/row.ts'
import { KIND_OF_DOCUMENT } from '../kind/document-kinds.ts'

/**
 * Keeps everything derived from the caches in step with them: the scheduler's claims, what projects have, the address book, expected heartbeats, answered
 * tombstones. Complete as soon as it returns, since informers replay what they have: call it before any controller runs.
 * @returns a function that stops it
 */
export function followCaches(
  deps: OperatorDeps,
  informers: OperatorInformers,
  collector: TombstoneCollector,
): () => void {
  const ends = [
    followQuotas(deps.quotas, deps.caches, informers),
    informers.instances.onChange(({ old, object }) => {
      // A placement that was assumed but never written goes with the machine, too.
      if (old && old.metadata.uid !== object?.metadata.uid) {
        const held = deps.scheduler.findClaim(old.metadata.uid) ?? []
        deps.scheduler.forget(old.metadata.uid)
        tellClaim(old, held, deps)
      }
      if (object) {
        const held = deps.scheduler.findClaim(object.metadata.uid) ?? []
        deps.scheduler.confirm(object.metadata.uid, claimOf(object))
        // Most often it is what was assumed, of which they heard.
        tellClaim(object, held, deps)
      }
      const [before, after] = [old ? claimOf(old) : [], object ? claimOf(object) : []]
      if (isDeepStrictEqual(before, after)) return
      if (old) deps.waitingRoom.wakeUncertain()
      for (const { node } of [...before, ...after]) deps.claimedNodes.changed(node)
    }),
    informers.ipClaims.onChange(({ old, object }) => {
      // An older object means that the store went back in time.
      const isSuccessor = old && object && isLaterVersion(object.metadata.resourceVersion, old.metadata.resourceVersion)
      if (old && !isSuccessor) deps.addresses.forget(toStoredBlock(old))
      if (object) deps.addresses.observe(toStoredBlock(object))
    }),
    informers.subnets.onChange(({ old, object }) => {
      if (object) deps.subnetArrivals.arrived(object.metadata.uid)
      if (old && old.metadata.uid !== object?.metadata.uid) deps.subnetArrivals.forget(old.metadata.uid)
    }),
    followImages(deps),
    informers.schedulerProfiles.onChange(() => deps.waitingRoom.wakeAll()),
    // Which of them their ports are on decides where they may go.
    informers.providerNetworks.onChange(({ old, object }) => {
      if (old?.metadata.generation !== object?.metadata.generation) deps.waitingRoom.wakeAll()
    }),
    deps.bus.observed.onChange((key) => collector.considerReport(key)),
    informers.computeNodes.onChange(({ old, object }) => {
      const node = object ?? old
      if (node && (!old || !object || old.spec.lost !== object.spec.lost)) followBeats(nameOf(node), object)
      for (const release of old?.status?.releases ?? []) collector.consider(release.kind, release.uid)
    }),
    ...DOCUMENT_KINDS.map((kind) => informerOf(KIND_OF_DOCUMENT[kind], informers).onChange(considering(kind))),
  ]
  return () => {
    for (const end of ends) end()
  }

  /** One node a change: a leader of thousands that looked at all of them for each would lose its lease before it had begun. */
  function followBeats(name: string, node: ComputeNode | undefined): void {
    if (!node || node.spec.lost !== undefined) deps.bus.heartbeats.forget(name)
    else deps.bus.heartbeats.expect([name], new Map(pulseBefore(node)))
  }

  /** The object's tombstones may no longer have anything to wait for. */
  function considering(kind: DocumentKind) {
    return ({ old }: { old: KubeObject | undefined }) => {
      if (old) collector.consider(kind, old.metadata.uid)
    }
  }
}

/** Which nodes have which image, as they report: what was reported before is read here, once. */
function followImages({ bus, caches, scheduler }: Pick<OperatorDeps, 'bus' | 'caches' | 'scheduler'>): () => void {
  const isThere = (uid: string, node: string) => bus.observed.find('image', uid, node)?.state === 'ready'
  for (const { metadata } of caches.computeNodes.list())
    for (const { kind, uid } of bus.observed.listNode(metadata.name))
      if (kind === 'image') scheduler.images.set(uid, metadata.name, isThere(uid, metadata.name))
  return bus.observed.onChange(({ kind, uid, node }) => {
    if (kind === 'image') scheduler.images.set(uid, node, isThere(uid, node))
  })
}

/** A node is `up` only once it has been heard. `down` is also the state of nodes never heard, which have no inventory. */
function pulseBefore(node: ComputeNode): readonly (readonly [string, 'up' | 'silent'])[] {
  const { state, inventory } = node.status ?? {}
  if (state === 'up') return [[nameOf(node), 'up']]
  return state === 'down' && inventory ? [[nameOf(node), 'silent']] : []
}

function nameOf(object: KubeObject): string {
  return object.metadata.name
}
