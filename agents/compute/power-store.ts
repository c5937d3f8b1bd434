// SPDX-License-Identifier: Apache-2.0
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { readIfThere, writeWhole } from '../../lib/durable-files.ts'
import { instanceDir, type ComputePaths } from './paths.ts'
import { NEW_RECORD, type PowerRecord } from './power.ts'

const Record = z.object({
  phase: z.enum(['new', 'starting', 'on', 'off']),
  bootId: z.string().optional(),
  because: z.enum(['Requested', 'GuestStopped', 'Crashed', 'HostRebooted']).optional(),
  crashes: z.int().min(0),
  startedAtMs: z.number().optional(),
  shutdownAskedAtMs: z.number().optional(),
})

const fileOf = (paths: ComputePaths, uid: string): string => join(instanceDir(paths, uid), 'power.json')

/** A file that cannot be read as one of ours counts as absent: the machine is then judged by what is seen. */
export async function readPowerRecord(paths: ComputePaths, uid: string): Promise<PowerRecord> {
  const text = await readIfThere(fileOf(paths, uid))
  if (text === undefined) return NEW_RECORD
  try {
    return Record.parse(JSON.parse(text))
  } catch {
    return NEW_RECORD
  }
}

/** Goes with the instance's folder when it is removed. */
export async function writePowerRecord(
  paths: ComputePaths,
  uid: string,
  old: PowerRecord,
  next: PowerRecord,
): Promise<void> {
  if (isDeepStrictEqual(old, next)) return
  await mkdir(instanceDir(paths, uid), { recursive: true, mode: 0o711 })
  await writeWhole(fileOf(paths, uid), JSON.stringify(next))
}
