// SPDX-License-Identifier: Apache-2.0
import { CLOUD_NAME } from '../../../lib/api/kinds.ts'
import type { ComputeNode, ImageStore, StoragePool } from '../../../lib/api/types.ts'
import { setCondition, type ConditionUpdate } from '../../../lib/conditions.ts'
import type { Inventory } from '../../../lib/contract/documents.ts'
import { isTerminal } from '../../../lib/errors.ts'
import type { Run, RunEvent } from '../../../lib/loop/controller.ts'
import { released, saved, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { TOO_MUCH_WRITTEN } from '../../auth/why-shut.ts'
import type { NodeCertificate } from '../../bus/certificates.ts'
import type { NbdCertificate } from '../../bus/nbd-certificates.ts'
import { keyIdOf } from '../../../lib/pki/key-id.ts'
import { isSealingKey } from '../../../lib/pki/sealed.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { listAggregatesOf } from '../host-aggregate/membership.ts'
import { waitForHolders } from '../../kind/holders.ts'
import { listInForce } from '../provider-network/mappings.ts'
import type { NodeSettings } from './settings.ts'
import { recordAggregates } from './aggregates.ts'
import { rolesOf } from './discover.ts'
import { nodeDocument } from './document.ts'
import { keepReleases } from './releases.ts'
import { shutOut, tooMuch } from './shut-out.ts'
import { judgeNode, recordInventory } from './status.ts'
import { showIsolation } from './isolated.ts'
import { whyOverdrawn } from './overdrawn.ts'
import { showResolver } from './resolver.ts'
import { listOrphans, showUnlisted } from './strays.ts'
import { toNodeFacts } from './scheduling.ts'
import { judgePortClaims } from './taken-ports.ts'
import { judgeMachineClaims } from './unknown-machines.ts'

const MOST_CHARACTERS = 255
/** How often a certificate's age is checked; it is renewed after two thirds of its life. */
const CHECK_MS = 12 * 3600 * 1000

export async function reconcileComputeNode(
  computeNode: ComputeNode,
  deps: OperatorDeps,
  settings: NodeSettings,
  run: Pick<Run, 'now' | 'event'>,
): Promise<Outcome> {
  const status = (computeNode.status ??= {})
  const { name, uid } = computeNode.metadata
  if (computeNode.metadata.deletionTimestamp !== undefined) return removeComputeNode(computeNode, deps)
  const node = deps.caches.nodes.find(undefined, name)
  const inventory = deps.bus.inventory.find(name)
  status.roles = [...rolesOf(node)]
  status.roleNames = status.roles.join(',')
  const aggregates = listAggregatesOf(name, deps.caches)
  recordAggregates(status, aggregates, node)
  status.epoch = 1
  if (inventory) status.inventory = recordInventory(inventory, status.inventory)
  const sealingKey = inventory?.sealingKey
  // One that is none leaves the one before: what is sealed for that is the node's all the same.
  if (sealingKey !== undefined && sealingKey !== status.sealingKey && isSealingKey(sealingKey))
    status.sealingKey = sealingKey
  await deps.bus.admitNode(name, inventory?.storeId)
  await shutOut(computeNode, deps, run.now)
  const claims = judgePortClaims(computeNode, deps, run)
  judgeMachineClaims(computeNode, deps, run)
  const isLost = computeNode.spec.lost !== undefined
  const credentials = isLost ? {} : await certify(computeNode, inventory, settings, run.now)
  const cloud = deps.caches.clouds.find(undefined, CLOUD_NAME)
  const nbd = isLost ? undefined : await certifyForVolumes(computeNode, inventory, settings, run.now)
  const parts = {
    ...{ node, credentials, ...(nbd ? { nbd } : {}), settings, cloud },
    ...{ pools: listPools(deps), imageStores: listStores(deps), providerNetworks: listInForce(deps.caches) },
  }
  await deps.bus.desired.publish(nodeDocument(computeNode, parts, deps.writer()))
  const isReleaseNew = await keepReleases(computeNode, deps)

  const observed = deps.bus.observed.find('node', uid, name)
  const orphans = listOrphans(computeNode, deps)
  showUnlisted(computeNode, deps, run.now)
  showResolver(computeNode, inventory, run)
  if (orphans.length > 0) status.orphans = orphans
  else delete status.orphans
  const before = status.state
  const wasClosed = status.closed
  const verdict = judgeNode(computeNode, {
    pulse: deps.bus.heartbeats.pulse(name),
    inventory,
    observed,
    hasNode: node !== undefined,
  })
  status.state = verdict.state
  if (before !== undefined && before !== verdict.state) {
    const type = verdict.state === 'up' ? 'Normal' : 'Warning'
    run.event({
      type,
      reason: verdict.state === 'up' ? 'NodeUp' : 'NodeDown',
      action: 'Watch',
      note: `is ${verdict.state}`,
    })
  }
  const facts = toNodeFacts(computeNode, { node, cloud, verdict, providerNetworks: parts.providerNetworks, aggregates })
  if (facts.closed === undefined) delete status.closed
  else status.closed = facts.closed.slice(0, MOST_CHARACTERS)
  if (before !== undefined && wasClosed !== status.closed) run.event(openingEvent(status.closed))
  const isOther = deps.scheduler.putNode(facts)
  showIsolation(computeNode, facts.aggregates ?? [], deps, run)
  showFreeRoom(computeNode, deps)
  if (isOther) deps.waitingRoom.nodeIsOther(name, deps.scheduler.isOpen(name))
  deps.waitingRoom.wakeUncertain()
  if (isReleaseNew) return saved
  const { outcome } = verdict
  const checkMs = settings.certificateCheckMs ?? CHECK_MS
  const excess = deps.bus.conduct.find(name)
  if (excess) return waitFor(TOO_MUCH_WRITTEN, tooMuch(excess), excess.remainingMs)
  if (claims) return claims
  if (outcome.kind !== 'done') return outcome
  const row = deps.scheduler.nodes.find(name)
  return (row && whyOverdrawn(row, checkMs)) ?? { ...outcome, retryAfterMs: checkMs }
}

/** For people only: placement uses the scheduler's table. */
function showFreeRoom(computeNode: ComputeNode, { scheduler }: Pick<OperatorDeps, 'scheduler'>): void {
  const status = (computeNode.status ??= {})
  const row = scheduler.nodes.find(computeNode.metadata.name)
  if (row?.hypervisor === undefined || !status.inventory) {
    delete status.free
    return
  }
  const left = (all: number, used: number) => Math.max(0, Math.floor(all - used))
  status.free = {
    vcpus: left(row.vcpus, row.usedVcpus),
    memoryMiB: left(row.memoryMiB, row.usedMemoryMiB),
    diskGiB: left(row.diskGiB, row.usedDiskGiB),
  }
}

function openingEvent(closed: string | undefined): RunEvent {
  if (closed === undefined)
    return { type: 'Normal', reason: 'NodeOpened', action: 'Watch', note: 'takes new machines again' }
  return { type: 'Normal', reason: 'NodeClosed', action: 'Watch', note: `takes no new machines: ${closed}` }
}

/** A certificate request that cannot be signed is the node's fault, and stops nothing else for that node. */
async function certify(
  computeNode: ComputeNode,
  inventory: Inventory | undefined,
  settings: NodeSettings,
  now: Date,
): Promise<NodeCertificate> {
  const status = (computeNode.status ??= {})
  const { name, uid, generation } = computeNode.metadata
  if (!settings.certificates || inventory?.certificateRequest === undefined) return {}
  const set = (update: ConditionUpdate) =>
    (status.conditions = setCondition(status.conditions, update, generation, now))
  try {
    const certificate = await settings.certificates.ensure({ node: name, uid, inventory }, now)
    set({ type: 'Certificate', status: 'True', reason: 'Issued', message: 'the node has a certificate' })
    return certificate
  } catch (error) {
    if (!isTerminal(error)) throw error
    set({ type: 'Certificate', status: 'False', reason: error.reason, message: error.message })
    return {}
  }
}

/**
 * The certificates for opening and serving volumes. The client's key is kept in the status: the volume's node is told it, and a
 * temporarily missing inventory must not close volumes in use.
 */
async function certifyForVolumes(
  computeNode: ComputeNode,
  inventory: Inventory | undefined,
  settings: NodeSettings,
  now: Date,
): Promise<NbdCertificate | undefined> {
  const status = (computeNode.status ??= {})
  const { name, uid, generation } = computeNode.metadata
  if (!settings.nbdCertificates || inventory?.nbdRequests === undefined) return undefined
  try {
    const certificates = await settings.nbdCertificates.ensure({ node: name, uid, inventory }, now)
    status.volumeKey = keyIdOf(inventory.nbdRequests.client)
    return certificates
  } catch (error) {
    if (!isTerminal(error)) throw error
    const { reason, message } = error
    const update = { type: 'Certificate', status: 'False', reason, message } as const
    status.conditions = setCondition(status.conditions, update, generation, now)
    return undefined
  }
}

async function removeComputeNode(computeNode: ComputeNode, deps: OperatorDeps): Promise<Outcome> {
  const { name, uid } = computeNode.metadata
  deps.scheduler.removeNode(name)
  const users = waitForHolders('computeNodes', computeNode, deps.caches)
  if (users) return users
  if (deps.caches.nodes.find(undefined, name) && rolesOf(deps.caches.nodes.find(undefined, name)).length > 0) {
    return waitFor(
      'InUse',
      `Node ${name} still has roles: remove its nephele.dev/ labels first, or this would be made again`,
    )
  }
  // The node's own document, cached images and tombstones that it never answered: nobody will need them again.
  const left = deps.bus.desired.list().filter((entry) => entry.node === name)
  for (const entry of [...left, ...deps.bus.observed.listNode(name), { kind: 'node' as const, uid }])
    await deps.bus.desired.withdraw(name, entry.kind, entry.uid)
  await deps.bus.endSessions(name)
  await deps.bus.dismissNode(name)
  return released
}

/** Likewise those with Images. */
function listStores({ caches }: Pick<OperatorDeps, 'caches'>): ImageStore[] {
  return caches.imageStores
    .list()
    .filter(
      ({ metadata }) =>
        metadata.deletionTimestamp === undefined || caches.images.listBy('store', metadata.name).length > 0,
    )
}

/** Includes Terminating pools that have volumes: these go on working meanwhile. */
function listPools({ caches }: Pick<OperatorDeps, 'caches'>): StoragePool[] {
  return caches.storagePools
    .list()
    .filter(
      ({ metadata }) =>
        metadata.deletionTimestamp === undefined || caches.volumes.listBy('pool', metadata.name).length > 0,
    )
}
