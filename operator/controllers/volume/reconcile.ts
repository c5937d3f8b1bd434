// SPDX-License-Identifier: Apache-2.0
import type { Volume } from '../../../lib/api/types.ts'
import type { ObservedDocument } from '../../../lib/contract/documents.ts'
import type { Run } from '../../../lib/loop/controller.ts'
import { done, released, saved, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { waitForHolders } from '../../kind/holders.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { findAbsence } from '../../placed/absence.ts'
import { isConfirmedLost, isStaying } from '../../placed/lost-node.ts'
import { nextEpoch } from '../../placed/next-epoch.ts'
import { answerOf, askedOf } from '../../placed/observed-facts.ts'
import { releaseFrom } from '../../placed/release.ts'
import { refusalOf } from '../../placed/trouble.ts'
import { planAttachment, type AttachmentPlan } from './attach.ts'
import { findHolder, volumeDocument } from './document.ts'
import { planGrowth } from './grow.ts'
import { choosePlace } from './place.ts'
import { grantedOf } from './granted-size.ts'
import { VOLUME_CLAIMED } from './held-back.ts'

export type VolumeDeps = Pick<
  OperatorDeps,
  'caches' | 'bus' | 'releases' | 'regression' | 'quotas' | 'volumePromises' | 'claimedVolumes' | 'writer'
>

export async function reconcileVolume(volume: Volume, deps: VolumeDeps, run: Pick<Run, 'event'>): Promise<Outcome> {
  const status = (volume.status ??= {})
  if (status.node !== undefined) {
    const place = { kind: 'volume' as const, node: status.node, epoch: status.epoch ?? 0 }
    const regressed = deps.regression.check(volume, place, deps.writer())
    if (regressed) return regressed
  }
  const plan: AttachmentPlan = status.node === undefined ? { kind: 'keep' } : planAttachment(volume, deps)
  const held = plan.kind === 'hold' ? claimedBy(plan.for) : undefined
  if (held) deps.claimedVolumes.add(keyOfObject(volume))
  else deps.claimedVolumes.delete(keyOfObject(volume))
  if (plan.kind === 'attach' || plan.kind === 'detach') {
    applyAttachment(volume, plan)
    return saved
  }
  if (volume.metadata.deletionTimestamp !== undefined) return held ?? removeVolume(volume, deps)

  if (status.node === undefined) {
    status.state = 'creating'
    const unclear = findUnclearOwner(volume, deps)
    if (unclear) {
      deps.volumePromises.withdraw(volume)
      return unclear
    }
    const choice = choosePlace(
      volume,
      deps,
      (node) => isStaying(node, deps) && deps.bus.heartbeats.pulse(node) !== 'silent',
    )
    if (!choice.ok) return waitFor(choice.reason, choice.message)
    const { node, pool } = choice
    const epoch = nextEpoch({ kind: 'volume', uid: volume.metadata.uid, node }, status.epoch, deps)
    Object.assign(status, { node, pool, epoch, grantedGiB: volume.spec.sizeGiB })
    run.event({
      type: 'Normal',
      reason: 'Scheduled',
      action: 'Schedule',
      note: `placed on node ${choice.node}, pool ${choice.pool}`,
    })
    return saved
  }
  const pool = deps.caches.storagePools.find(undefined, status.pool ?? '')
  if (!pool)
    return waitFor(
      'StoragePoolNotFound',
      `StoragePool ${status.pool ?? ''} does not exist: create it again, the volume is on it`,
    )
  const growth = planGrowth(volume, pool, deps)
  if (growth?.kind === 'saved') return growth
  await deps.bus.desired.publish(volumeDocument(volume, pool, findHolder(volume, deps.caches), deps.writer()))
  const outcome = observe(volume, deps.bus.observed.find('volume', volume.metadata.uid, status.node), deps)
  return outcome.kind === 'done' ? (held ?? growth ?? outcome) : outcome
}

/** A node has the volume although it has no place: it was restored without its status. Created anew elsewhere it would be empty. */
function findUnclearOwner({ metadata }: Volume, { bus, caches }: VolumeDeps): Outcome | undefined {
  const reports = bus.observed.findAll('volume', metadata.uid)
  const owner = reports.find((report) => report.state !== 'gone' && !isConfirmedLost(report.node, { caches }))
  if (!owner) return undefined
  return waitFor(
    'OwnershipUnclear',
    `node ${owner.node} has this volume (epoch ${owner.versions.epoch}), but status.node is empty: restore status.node, status.pool and status.epoch`,
  )
}

/** Records in the status who has the volume, before anything acts on it. */
function applyAttachment(volume: Volume, plan: Extract<AttachmentPlan, { kind: 'attach' | 'detach' }>): void {
  const status = (volume.status ??= {})
  if (plan.kind === 'attach') status.attachedTo = plan.to
  else delete status.attachedTo
  // The node's answer under the new epoch confirms that its export is as decided.
  status.epoch = (status.epoch ?? 0) + 1
  status.state = plan.kind === 'attach' ? 'in-use' : 'available'
}

/** A node's unasked-for report is only a reason to wait. */
function claimedBy({ uid, node }: { uid: string; node: string }): Outcome {
  return waitFor(
    VOLUME_CLAIMED,
    `node ${node} says that its machine ${uid} has this volume, to which it was not given: nobody gets it, nor is it deleted, until the node says otherwise. ` +
      `If it is off for good or not to be believed, cut it off and set spec.lost: Confirmed on ComputeNode ${node}`,
  )
}

async function removeVolume(volume: Volume, deps: VolumeDeps): Promise<Outcome> {
  const status = (volume.status ??= {})
  deps.volumePromises.withdraw(volume)
  if (status.attachedTo) {
    return waitFor(
      'InUse',
      `attached to Instance ${status.attachedTo.name}: take it out of its spec.volumes, or delete it`,
    )
  }
  const users = waitForHolders('volumes', volume, deps.caches)
  if (users) return users
  status.state = 'deleting'
  if (status.node === undefined) return released
  const placement = { kind: 'volume' as const, object: volume, node: status.node, epoch: status.epoch ?? 0 }
  return (await releaseFrom(placement, deps)) ?? released
}

function observe(volume: Volume, observed: ObservedDocument | undefined, deps: VolumeDeps): Outcome {
  const status = (volume.status ??= {})
  const { node = '' } = status
  const answer = answerOf(observed, askedOf(volume, status.epoch, deps.writer()))
  // Terminal also for a volume that exists and cannot grow.
  const isFinal = answer?.error?.terminal === true
  const refusal = refusalOf(isFinal ? { ...answer, state: 'refused' } : answer, {
    reason: 'Refused',
    message: `node ${node} refused the volume`,
  })
  if (refusal) throw refusal
  const absent = findAbsence(node, { held: 'the data', noun: 'volume' }, deps)
  if (absent) return absent
  // If the report has no size, the last reported one counts, if any.
  const sizeGiB = answer?.facts.sizeGiB ?? status.sizeGiB
  const granted = grantedOf(volume)
  if (answer?.state === 'available' && sizeGiB !== undefined && sizeGiB >= granted) {
    status.sizeGiB = sizeGiB
    status.state = status.attachedTo ? 'in-use' : 'available'
    return done
  }
  if (status.sizeGiB === undefined) status.state = 'creating'
  else if (status.sizeGiB < granted) status.state = 'extending'
  if (answer?.state === 'failed' || answer?.error !== undefined) {
    return waitFor(answer.error?.reason ?? 'VolumeFailed', answer.error?.message ?? `node ${node} is trying again`)
  }
  return waitFor('Provisioning', `waiting for node ${node}`)
}
