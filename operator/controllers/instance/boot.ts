// SPDX-License-Identifier: Apache-2.0
import type { Instance, Port } from '../../../lib/api/types.ts'
import type { ObservedDocument } from '../../../lib/contract/documents.ts'
import { isPlugged } from '../../../lib/contract/plugged-port.ts'
import { saved, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { ownerUidOf } from '../common/holding.ts'
import { imageDocument } from '../image/document.ts'
import { instanceDocument, type InstanceParts } from './document.ts'
import type { InstanceDeps, InstanceRun } from './reconcile.ts'
import { addressesOf } from './schedule.ts'
import { dropStages } from './stages.ts'
import { observeInstance } from './status.ts'

const MAX_EXCLUDED = 16

/** Steps 9 to 16 of the flow: the node gets the work, and what it says of it goes into the status. */
export async function boot(
  instance: Instance,
  parts: InstanceParts,
  deps: InstanceDeps,
  run: InstanceRun,
): Promise<Outcome> {
  const status = (instance.status ??= {})
  const { node = '' } = status
  const computeNode = deps.caches.computeNodes.find(undefined, node)
  if (computeNode?.spec.lost === 'Confirmed') {
    if (instance.spec.evacuation === 'WhenFenced')
      return leaveNode(instance, 'Evacuated', `node ${node} is confirmed lost`, deps, run)
    return waitFor(
      'NodeLost',
      `node ${node} is confirmed lost: delete the machine, or set spec.evacuation: WhenFenced to build it anew elsewhere`,
    )
  }
  const writer = deps.writer()
  await deps.bus.desired.publish(imageDocument(parts.admitted.image, node, writer))
  const facts = {
    // The newest that is known; a beat comes before the inventory after a reboot.
    bootId:
      deps.bus.heartbeats.bootId(node) ??
      deps.bus.inventory.find(node)?.bootId ??
      computeNode?.status?.inventory?.bootID,
    zone: computeNode?.status?.zone,
  }
  await deps.bus.desired.publish(instanceDocument(instance, parts, facts, writer))

  status.addresses = addressesOf(parts.ports)
  const observed = deps.bus.observed.find('instance', instance.metadata.uid, node)
  if (isRefusedForRoom(instance, observed)) {
    return leaveNode(instance, 'Rescheduled', observed?.error?.message ?? `node ${node} has no room`, deps, run)
  }
  if (deps.bus.heartbeats.pulse(node) === 'silent') {
    return waitFor('NodeSilent', `node ${node} has not been heard; what it last said may no longer be true`)
  }
  const wasActive = status.state === 'ACTIVE'
  const outcome = observeInstance(
    instance,
    parts,
    { observed, unplugged: listUnplugged(parts.ports, instance, deps) },
    run.now,
  )
  if (!wasActive && status.state === 'ACTIVE' && outcome.kind === 'done') {
    run.event({ type: 'Normal', reason: 'Started', action: 'Start', note: `runs on node ${node}` })
  }
  return outcome
}

function isRefusedForRoom(instance: Instance, observed: ObservedDocument | undefined): boolean {
  return (
    observed?.state === 'refused' &&
    observed.versions.epoch === instance.status?.epoch &&
    observed.error?.reason === 'InsufficientResources'
  )
}

/** Names of ports that the node has not plugged yet, or not as their documents want it now. */
function listUnplugged(ports: readonly Port[], instance: Instance, deps: InstanceDeps): string[] {
  const { node = '', epoch } = instance.status ?? {}
  return ports
    .filter((port) => {
      const observed = deps.bus.observed.find('port', port.metadata.uid, node)
      const wanted = ownerUidOf(port) === instance.metadata.uid ? epoch : port.status?.epoch
      return !isPlugged(observed) || observed?.versions.epoch !== wanted
    })
    .map((port) => port.metadata.name)
}

/** Gives the place up. Written first; the next runs make the node let go, and only then another one is chosen. */
function leaveNode(
  instance: Instance,
  reason: 'Evacuated' | 'Rescheduled',
  why: string,
  deps: InstanceDeps,
  run: InstanceRun,
): Outcome {
  const status = (instance.status ??= {})
  const { node, epoch = 0 } = status
  if (node === undefined) return saved
  if (reason === 'Rescheduled') {
    const isNewSpec = status.observedGeneration !== instance.metadata.generation
    const before = isNewSpec ? [] : (status.excludedNodes ?? []).filter((n) => n !== node)
    status.excludedNodes = [...before, node].slice(-MAX_EXCLUDED)
  }
  status.pendingReleases = [...(status.pendingReleases ?? []), { node, epoch }]
  status.state = 'BUILD'
  delete status.node
  dropStages(instance, 'Scheduled')
  deps.scheduler.forget(instance.metadata.uid)
  run.event({ type: 'Warning', reason, action: 'Schedule', note: `leaves node ${node}: ${why}` })
  return saved
}
