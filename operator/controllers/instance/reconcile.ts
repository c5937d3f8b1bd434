// SPDX-License-Identifier: Apache-2.0
import type { Instance } from '../../../lib/api/types.ts'
import { saved, type Outcome } from '../../../lib/outcome.ts'
import { toMadeFrom } from '../common/machine-image.ts'
import { claimingRun } from '../common/machine-claims.ts'
import { admit } from './admit.ts'
import { followBandwidth } from './bandwidth.ts'
import { boot } from './boot.ts'
import { dropLeft, recordInterfaces, removeLeftPorts, sayDetaching } from './interfaces.ts'
import { followPciDevices } from './pci-devices.ts'
import { findNewerOwner } from './newer-owner.ts'
import { ensurePorts } from './ports.ts'
import { askForRoom, keepSize } from './quota.ts'
import { recallMadeFrom } from './recall-made-from.ts'
import { removeInstance } from './remove.ts'
import { recordRescue, sayRescued } from './rescue.ts'
import { findDiskMaker, recordRootDisk, sayRebuild, takeRebuild } from './root-disk.ts'
import { resetState } from './reset-state.ts'
import { followResize } from './resize.ts'
import { schedule } from './schedule.ts'
import { setStage } from './stages.ts'
import type { InstanceDeps, InstanceRun } from './deps.ts'

/**
 * The stages in the order of docs/provisioning-flow.md. Each checks what exists and does what is missing, so the same pass serves a first
 * start, an operator restart and a repair. Decisions are saved before anything acts on them (invariant 6).
 */
export function reconcileInstance(instance: Instance, deps: InstanceDeps, run: InstanceRun): Promise<Outcome> {
  return claimingRun(instance, deps, () => passStages(instance, deps, run))
}

async function passStages(instance: Instance, deps: InstanceDeps, run: InstanceRun): Promise<Outcome> {
  const status = (instance.status ??= {})
  if (status.node !== undefined) {
    const place = { kind: 'instance' as const, node: status.node, epoch: status.epoch ?? 0 }
    const regressed = deps.regression.check(instance, place, deps.writer())
    const moved = regressed ?? findNewerOwner(instance, deps, run.now)
    if (moved) return moved
  }
  if (instance.metadata.deletionTimestamp !== undefined) return removeInstance(instance, deps, run)
  status.state ??= 'BUILD'
  if (resetState(instance, deps)) return saved
  if (dropLeft(instance, deps)) return saved
  await recallMadeFrom(instance, deps)
  const maker = findDiskMaker(instance, deps.caches)
  const observed = deps.bus.observed.find('instance', instance.metadata.uid, status.node)
  recordRescue(instance, observed, maker, run.now)
  recordRootDisk(instance, observed, maker)
  if (takeRebuild(instance, maker)) return saved
  sayRebuild(instance, run)
  sayRescued(instance, run)
  await removeLeftPorts(instance, deps, run)
  sayDetaching(instance, deps, run)

  const admitted = await admit(instance, deps, run)
  setStage(instance, 'Admitted', admitted.ok ? true : admitted.outcome, run.now)
  if (!admitted.ok) {
    // What lacks something has no room kept for it meanwhile.
    if (!status.flavor) keepSize(instance, deps)
    // A placed machine goes on with what it was given; see docs/decisions/0014.
    return status.node === undefined ? admitted.outcome : boot(instance, { unresolved: admitted.outcome }, deps, run)
  }
  // Of a machine that was placed before that was recorded, and whose node was told of it by nobody yet.
  if (status.node !== undefined && status.rootDisk === undefined)
    status.image ??= toMadeFrom(admitted.object.image, admitted.object.image.status.sha256)
  const refused = askForRoom(instance, admitted.object, deps, run)
  if (refused) return refused
  const ports = await ensurePorts(instance, admitted.object, deps, run)
  if (!ports.ok) {
    return status.node === undefined ? ports.outcome : boot(instance, { unresolved: ports.outcome }, deps, run)
  }
  if (status.node === undefined) return schedule(instance, admitted.object, ports.object, deps, run)
  // In one write: who has an interface has a claim for it.
  followPciDevices(instance, ports.object, deps)
  if (recordInterfaces(instance, ports.object)) return saved
  const isResized = followResize(instance, admitted.object, deps, run)
  followBandwidth(instance, ports.object, deps, run)
  if (isResized) return saved
  return boot(instance, { admitted: admitted.object, ports: ports.object }, deps, run)
}
