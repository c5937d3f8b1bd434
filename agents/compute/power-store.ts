// SPDX-License-Identifier: Apache-2.0
import { constants } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import {
  CapturedDisk,
  MachineImage,
  MachineRebuild,
  MachineRescue,
  MachineSnapshot,
} from '../../lib/contract/documents.ts'
import { durably, readIfThere, writeWhole } from '../../lib/durable-files.ts'
import { isDiskFull } from '../runtime/ballast.ts'
import { OFF_REASONS } from './instance-driver.ts'
import { ACTION_STAGES } from './action-record.ts'
import { instanceDir, type ComputePaths } from './paths.ts'
import { NEW_RECORD, STOPPED_BECAUSE, type PowerRecord } from './power-record.ts'

const Action = z.object({
  ...{
    uid: z.string(),
    type: z.string(),
    softTimeoutMs: z.number(),
    notAfterMs: z.number().optional(),
    stage: z.enum(ACTION_STAGES),
    stageAtMs: z.number(),
    rebuild: MachineRebuild.optional(),
    rescue: MachineRescue.optional(),
    rescueDisk: z.int().min(1).optional(),
    snapshot: MachineSnapshot.pick({ imageUid: true, quiesce: true }).optional(),
    captured: CapturedDisk.optional(),
  },
  steps: z.array(z.object({ name: z.string(), time: z.string() })),
  result: z.enum(['Succeeded', 'Failed', 'Unknown']).optional(),
  reason: z.string().optional(),
  message: z.string().optional(),
})
const Record = z.object({
  phase: z.enum(['new', 'starting', 'on', 'off']),
  bootId: z.string().optional(),
  because: z.enum(STOPPED_BECAUSE).optional(),
  ends: z.int().min(0),
  startedAtMs: z.number().optional(),
  offBefore: z.enum(OFF_REASONS).optional(),
  endedAtMs: z.number().optional(),
  shutdownAskedAtMs: z.number().optional(),
  shutdownSentAtMs: z.number().optional(),
  shutdownWithdrawn: z.literal(true).optional(),
  restarts: z.int().min(0).optional(),
  restartedAfter: z.enum(STOPPED_BECAUSE).exclude(['Requested']).optional(),
  resumes: z.int().min(0).optional(),
  resumedAtMs: z.number().optional(),
  actions: z.array(Action).optional(),
  actionsLost: z.literal(true).optional(),
  rootDisk: z
    .object({
      disks: z.object({ root: z.int().min(0), ephemeral: z.int().min(0) }),
      image: MachineImage,
      requireKvm: z.boolean(),
    })
    .optional(),
  rootDisksSettled: z.int().min(0).optional(),
  rescue: MachineRescue.optional(),
  hasSpareDisks: z.literal(true).optional(),
  hasCaptures: z.literal(true).optional(),
})
/** Version 0.1.0 counted only crashes. */
const Kept = z.looseObject({ crashes: z.unknown().optional() })

const fileOf = (paths: ComputePaths, uid: string): string => join(instanceDir(paths, uid), 'power.json')

export interface PowerStore {
  read(uid: string): Promise<PowerRecord>
  /** Durable when it resolves; writes nothing when the record has not changed. */
  write(uid: string, old: PowerRecord, next: PowerRecord): Promise<void>
}

/** @param write replaced in tests, by a disk that is full */
export function filePowerStore(paths: ComputePaths, write: typeof writeWhole = writeWhole): PowerStore {
  return {
    read: (uid) => readPowerRecord(paths, uid),
    write: (uid, old, next) => writePowerRecord(paths, uid, old, next, write),
  }
}

/** A file that cannot be parsed counts as absent, but for what was done to the machine: it is then judged by its present state. */
export async function readPowerRecord(paths: ComputePaths, uid: string): Promise<PowerRecord> {
  const text = await readIfThere(fileOf(paths, uid))
  if (text === undefined) return NEW_RECORD
  try {
    const { crashes, ...record } = Kept.parse(JSON.parse(text))
    return Record.parse({ ends: crashes, ...record })
  } catch {
    return { ...NEW_RECORD, actionsLost: true }
  }
}

/**
 * In the instance's folder, and removed with it. On a full disk an existing record is overwritten in place: a machine can always be
 * stopped.
 */
export async function writePowerRecord(
  paths: ComputePaths,
  uid: string,
  old: PowerRecord,
  next: PowerRecord,
  write: typeof writeWhole = writeWhole,
): Promise<void> {
  if (isDeepStrictEqual(old, next)) return
  await mkdir(instanceDir(paths, uid), { recursive: true, mode: 0o711 })
  const [file, text] = [fileOf(paths, uid), JSON.stringify(next)]
  try {
    await write(file, text)
  } catch (error) {
    if (!isDiskFull(error)) throw error
    if (!(await canOverwrite(file, text))) throw error
  }
}

/** Not atomic if the power fails: an unreadable record counts as absent. @returns false when there is none */
async function canOverwrite(path: string, text: string): Promise<boolean> {
  const file = await open(path, constants.O_WRONLY | constants.O_NOFOLLOW).catch(() => undefined)
  if (!file) return false
  try {
    await durably('write', path, async () => file.truncate((await file.write(text, 0)).bytesWritten))
    await durably('sync', path, () => file.sync())
    return true
  } finally {
    await file.close()
  }
}
