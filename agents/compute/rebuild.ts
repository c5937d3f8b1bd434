// SPDX-License-Identifier: Apache-2.0
// What of an action is a Rebuild's and a Rescue's alone: when it may begin, and the disk, which is made while the machine is off. Pure.
import type { MachineAction } from '../../lib/contract/documents.ts'
import { numberOf, type ActionRecord, type Making } from './action-record.ts'
import { failed, put, stepped, succeeded } from './action-results.ts'
import { isPoweredOn, type BackendInstance } from './instance-driver.ts'
import type { PowerRecord, PowerSeen } from './power-record.ts'
import { nextRootDisk, presentRootDisk, settled, settledRootDisk } from './which-root-disk.ts'

/** Whether the node can make it now. */
export interface RebuildSeen {
  /** The image is on the node; it is not yet, for this reason; or it cannot be had. */
  image: { state: 'ready' | 'coming' | 'refused'; message: string }
  /** Why there is no room for the disks beside those that the machine has. */
  shortage?: string | undefined
}

/** Of one that began. */
export interface RebuildTurn {
  record: PowerRecord
  /** The disks are to be made now. */
  make?: Making
  /** The machine stays off until then. */
  holdMs?: number
}

/** As a guest has it that is to be stopped: Nova's shutdown_timeout. */
export const REBUILD_SHUTDOWN_MS = 60_000
/** So long an agent that was started anew waits for what it knew of images before. */
const IMAGE_PATIENCE_MS = 60_000
const LOOK_MS = 5_000
/** So long before its deadline a node says what it knows. */
const TELLING_MS = 5_000

/** Why it is not begun now; without `reason`: it is looked at again. The machine runs meanwhile, and is as it was. */
export function whyNotRebuilt(
  { record, nowMs, rebuild: sees }: PowerSeen & { rebuild?: RebuildSeen | undefined },
  action: Making,
  { notAfter }: MachineAction,
): { reason?: string; message: string } | undefined {
  const number = numberOf(action)
  if (number === undefined) return { reason: 'UnsupportedAction', message: 'the node was not told which disk to make' }
  const highest = settledRootDisk(record)
  if (number <= highest) {
    const message = `disk ${number} was asked for, and ${highest} was already: the store that asks is older than the machine`
    return { reason: 'RootDiskSuperseded', message }
  }
  if (!sees) return { message: 'the node cannot be looked at' }
  const { state, message } = sees.image
  if (state === 'refused') return { reason: 'ImageNotReady', message }
  if (state === 'coming') {
    const isLate = notAfter !== undefined && nowMs > Date.parse(notAfter) - TELLING_MS
    return isLate ? { reason: 'ImageNotReady', message: `it was not begun: ${message}` } : { message }
  }
  if (sees.shortage !== undefined) return { reason: 'InsufficientResources', message: sees.shortage }
  return undefined
}

/** The machine is off. From here on there may be disks beside those that it has, and no other one is made under this number. */
export function startMaking(record: PowerRecord, action: ActionRecord, nowMs: number): PowerRecord {
  const marked: PowerRecord = { ...settled(record, numberOf(action)), hasSpareDisks: true }
  return put(marked, { ...action, stage: 'rebuilding', stageAtMs: nowMs })
}

/** In stage `rebuilding`, of a machine that is off. */
export function goOnMaking(
  { record, nowMs, rebuild: sees }: PowerSeen & { rebuild?: RebuildSeen | undefined },
  action: ActionRecord,
): RebuildTurn {
  const { rebuild, rescue } = action
  if (sees?.image.state === 'ready')
    return { record, make: { ...(rebuild ? { rebuild } : {}), ...(rescue ? { rescue } : {}) } }
  const { message = 'its image is not on the node any more' } = sees?.image ?? {}
  const leftMs = action.stageAtMs + IMAGE_PATIENCE_MS - nowMs
  if (sees?.image.state !== 'refused' && leftMs > 0) return { record, holdMs: Math.min(leftMs, LOOK_MS) }
  return { record: put(record, failed(action, 'ImageNotReady', message, nowMs)) }
}

/** Made, and each on the disk under its name; or why not: then the machine goes on with the disks that it has. */
export function afterMaking(
  record: PowerRecord,
  failure: { reason: string; message: string } | undefined,
  nowMs: number,
): PowerRecord {
  const action = record.actions?.find(({ stage }) => stage === 'rebuilding')
  if (!action) return record
  if (failure) return put(record, failed(action, failure.reason, failure.message, nowMs))
  return put(record, { ...stepped(action, 'DiskMade', nowMs), stage: 'starting', stageAtMs: nowMs })
}

/**
 * The machine has started from its next root disk, or its rescue disk: from now on it has that, whatever else is asked for. Where QEMU does not answer it is taken to have:
 * it was defined with it before it was started.
 * @returns undefined: it has not, or none is made
 */
export function findRebuilt({ record, instance, nowMs }: PowerSeen, action: ActionRecord): PowerRecord | undefined {
  if (action.stage !== 'starting' || numberOf(action) === undefined) return undefined
  if (!isPoweredOn(instance.power) || instance.startLimitMs !== undefined) return undefined
  if (!isOn(instance, action)) return undefined
  return taken(record, stepped(action, 'Started', nowMs), nowMs)
}

/** The disk that was made is the machine's. */
export function taken(record: PowerRecord, action: ActionRecord, nowMs: number): PowerRecord {
  const { rebuild, rescue } = action
  const done = put(record, succeeded(action, nowMs))
  if (rebuild) return { ...done, rootDisk: nextRootDisk(presentRootDisk(record, rebuild), rebuild) }
  return rescue ? { ...done, rescue } : done
}

function isOn({ rootDisk, rescueDisk }: Pick<BackendInstance, 'rootDisk' | 'rescueDisk'>, action: Making): boolean {
  if (rootDisk === undefined) return true
  return numberOf(action) === (action.rebuild ? rootDisk : rescueDisk)
}
