// SPDX-License-Identifier: Apache-2.0
// The disks of one machine. Each is made under a temporary name and renamed, so that a kill leaves either a whole disk or none. The
// temporary names are unique: an agent that is ending and its successor may both be at work for a moment.
import { link, lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { TransientError } from '../../../../lib/errors.ts'
import type { exec as Exec } from '../../../../lib/exec.ts'
import { durably, hasCode, nameBeside, syncFolder, unlessMissing } from '../../../../lib/durable-files.ts'
import { backingOf } from '../../../image/overlays.ts'
import { instanceDir, type ComputePaths } from '../../paths.ts'
import type { DiskNumbers, InstanceWant } from '../../instance-driver.ts'
import { writeConfigDrive } from './config-drive.ts'
import { diskOf, type DiskPaths } from './disk-paths.ts'
import { readQcow2Size } from './disk-size.ts'

const QEMU_IMG_TIMEOUT_MS = 60_000
const GIB = 2 ** 30
const PAGE = 4096
/** Longer than any tool may take: whoever was making this is gone. */
const ABANDONED_MS = 600_000

/**
 * Makes missing disks and the config drive. @param isDefined the machine had its disks before: an empty disk in place of a lost one would hide the loss; so
 * would one beside another that it was rebuilt with
 */
export async function ensureDisks(
  want: InstanceWant,
  at: DiskPaths,
  isDefined: boolean,
  run: typeof Exec,
  signal: AbortSignal,
): Promise<void> {
  if (!(await isFile(at.root)) && (isDefined || (await hasOtherRootDisk(at)))) {
    throw new TransientError('RootDiskMissing', 'the root disk of this machine is gone from its node')
  }
  await makeDisks(want, at, run, signal)
  if (want.configDrive) {
    const { configDrive } = want
    const next = nameBeside(at.configDrive)
    try {
      await writeConfigDrive(next, nameBeside(join(at.dir, 'config')), configDrive, run, signal)
      await rename(next, at.configDrive)
    } finally {
      await rm(next, { force: true })
    }
  } else {
    await rm(at.configDrive, { force: true })
  }
}

/**
 * Makes missing disks. Existing ones grow to their size and never shrink; swap of another size, which holds nothing worth keeping, is made anew. Only for a
 * machine that is off. @throws TransientError `RootDiskOfOtherImage`
 */
export async function makeDisks(
  want: InstanceWant,
  at: DiskPaths,
  run: typeof Exec,
  signal: AbortSignal,
): Promise<void> {
  await mkdir(at.dir, { recursive: true, mode: 0o711 })
  await removeAbandoned(at.dir)
  await checkBacking(at.root, at.base)
  if (at.rescue) await checkBacking(at.rescue.path, at.rescue.base)
  await ensureFile(at.root, (path) => {
    return makeOverlay(run, path, { ...want.root, base: at.base }, signal)
  })
  if (want.rescue && at.rescue) {
    const overlay = { ...want.rescue, base: at.rescue.base }
    await ensureFile(at.rescue.path, (path) => makeOverlay(run, path, overlay, signal))
  }
  await grow(at.root, want.root.sizeBytes, run, signal)
  if (want.ephemeralGiB > 0) {
    await ensureFile(at.ephemeral, (path) =>
      qemuImg(run, ['create', '-q', '-f', 'qcow2', path, String(want.ephemeralGiB * GIB)], signal),
    )
    await grow(at.ephemeral, want.ephemeralGiB * GIB, run, signal)
  }
  if (!(await hasBytes(at.swap, want.swapMiB * 2 ** 20))) await rm(at.swap, { force: true })
  if (want.swapMiB > 0) await ensureFile(at.swap, (path) => writeSwap(path, want.swapMiB * 2 ** 20))
}

function makeOverlay(
  run: typeof Exec,
  path: string,
  { base, format, sizeBytes }: { base: string; format: string; sizeBytes: number },
  signal: AbortSignal,
): Promise<void> {
  // The backing format is always given: probing could take a raw image for a qcow2.
  return qemuImg(run, ['create', '-q', '-f', 'qcow2', '-F', format, '-b', base, path, String(sizeBytes)], signal)
}

/** On another image what was written to it would be read as garbage: whatever was mixed up, it is not started like that. */
async function checkBacking(disk: string, base: string): Promise<void> {
  const backing = await backingOf(disk)
  if (backing === undefined || basename(backing) === basename(base)) return
  const which = diskOf(basename(disk))?.kind === 'rescue' ? 'rescue' : 'root'
  const message = `the ${which} disk of this machine was made from the image with SHA-256 ${basename(backing)}, and not from ${basename(base)}, which its document names`
  throw new TransientError('RootDiskOfOtherImage', message)
}

async function hasOtherRootDisk({ dir, root }: DiskPaths): Promise<boolean> {
  const names = await unlessMissing(() => readdir(dir), [])
  return names.some((name) => diskOf(name)?.kind === 'root' && name !== basename(root))
}

/** Removes disks of other numbers, up to `upTo`. */
export async function removeOtherDisks(
  paths: ComputePaths,
  uid: string,
  { root, ephemeral, rescue }: DiskNumbers,
  upTo: number,
): Promise<void> {
  const dir = instanceDir(paths, uid)
  for (const name of await unlessMissing(() => readdir(dir), [])) {
    const disk = diskOf(name)
    const kept = disk?.kind === 'ephemeral' ? ephemeral : disk?.kind === 'rescue' ? rescue : root
    if (!disk || disk.number > upTo || disk.number === kept) continue
    await rm(join(dir, name), { force: true })
  }
}

/** Never replaces an existing file: a machine may have been started with it in the meantime. */
async function ensureFile(path: string, make: (path: string) => Promise<void>): Promise<void> {
  if (await isFile(path)) return
  const next = nameBeside(path)
  try {
    await make(next)
    const file = await open(next, 'r+')
    try {
      await file.chmod(0o600)
      await durably('sync', path, () => file.sync())
    } finally {
      await file.close()
    }
    await durably('rename', path, () => nameFirst(next, path))
  } finally {
    await rm(next, { force: true })
  }
  await syncFolder(join(path, '..'))
}

/** Renames without replacing: the loser of a race uses the winner's file. */
async function nameFirst(next: string, path: string): Promise<void> {
  try {
    await link(next, path)
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error
  }
}

/** Removes half-made files of agents that were killed. */
async function removeAbandoned(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    if (!name.endsWith('.new')) continue
    const path = join(dir, name)
    const changedMs = await unlessMissing(async () => (await lstat(path)).mtimeMs, Infinity)
    if (Date.now() - changedMs > ABANDONED_MS) await rm(path, { recursive: true, force: true })
  }
}

/** In place; qemu-img orders its writes so that a kill leaves the old size or the new one. */
async function grow(path: string, sizeBytes: number, run: typeof Exec, signal: AbortSignal): Promise<void> {
  if (((await readQcow2Size(path)) ?? sizeBytes) >= sizeBytes) return
  await qemuImg(run, ['resize', '-q', '-f', 'qcow2', path, String(sizeBytes)], signal)
}

async function hasBytes(path: string, bytes: number): Promise<boolean> {
  return (await isFile(path)) && (await lstat(path)).size === bytes
}

async function isFile(path: string): Promise<boolean> {
  return unlessMissing(async () => (await lstat(path)).isFile(), false)
}

async function qemuImg(run: typeof Exec, args: string[], signal: AbortSignal): Promise<void> {
  await run(['qemu-img', ...args], { timeoutMs: QEMU_IMG_TIMEOUT_MS, signal })
}

/** A sparse file with the header of an empty swap area of 4 KiB pages: mkswap(8), union swap_header in linux/swap.h. */
async function writeSwap(path: string, sizeBytes: number): Promise<void> {
  const header = Buffer.alloc(PAGE)
  header.writeUInt32LE(1, 1024)
  header.writeUInt32LE(Math.floor(sizeBytes / PAGE) - 1, 1028)
  header.write('SWAPSPACE2', PAGE - 10, 'latin1')
  const file = await open(path, 'wx', 0o600)
  try {
    await file.write(header, 0, PAGE, 0)
    await file.truncate(sizeBytes)
  } finally {
    await file.close()
  }
}

/** Removes the folder with everything in it: disks, config drive with user data, power record. Absent is success. */
export async function removeDisks(paths: ComputePaths, uid: string): Promise<void> {
  await rm(instanceDir(paths, uid), { recursive: true, force: true })
}
