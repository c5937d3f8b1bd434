// SPDX-License-Identifier: Apache-2.0
import { mkdir, open, rm, writeFile } from 'node:fs/promises'
import { dirname, join, normalize, sep } from 'node:path'
import type { exec as Exec } from '../../../../lib/exec.ts'

const TIMEOUT_MS = 20_000
const SECTOR = 512
const LABEL = 'config-2'
/** Room for the file system itself and the unused part of each file's last cluster. */
const OVERHEAD_BYTES = 1024 * 1024
const PER_FILE_BYTES = 8 * 1024

/**
 * Makes a FAT file system labelled config-2 with these files, as cloud-init's ConfigDrive expects it. It may hold user data, so both it and
 * the temporary folder `scratch` are private (mode 0600 and 0700).
 * https://docs.openstack.org/nova/latest/user/metadata.html#config-drives
 */
export async function writeConfigDrive(
  path: string,
  scratch: string,
  files: readonly { path: string; content: string | Buffer }[],
  run: typeof Exec,
  signal: AbortSignal,
): Promise<void> {
  await rm(scratch, { recursive: true, force: true })
  await rm(path, { force: true })
  try {
    await mkdir(scratch, { recursive: true, mode: 0o700 })
    const tops = new Set<string>()
    let bytes = OVERHEAD_BYTES
    for (const file of files) {
      const inside = normalize(file.path)
      if (inside.startsWith('..') || inside.startsWith(sep)) throw new Error('a config drive file is outside the drive')
      const target = join(scratch, inside)
      await mkdir(dirname(target), { recursive: true, mode: 0o700 })
      await writeFile(target, file.content, { mode: 0o600 })
      bytes += Buffer.byteLength(file.content) + PER_FILE_BYTES
      tops.add(join(scratch, inside.split(sep)[0] ?? inside))
    }
    const sectors = Math.ceil(bytes / SECTOR / 64) * 64
    const image = await open(path, 'wx', 0o600)
    await image.truncate(sectors * SECTOR).finally(() => image.close())
    const options = { timeoutMs: TIMEOUT_MS, signal, env: { ...process.env, MTOOLS_SKIP_CHECK: '1' } }
    const geometry = ['-T', String(sectors), '-h', '64', '-s', '32']
    await run(['mformat', '-i', path, ...geometry, '-v', LABEL, '::'], options)
    await writeLabel(path)
    if (tops.size > 0) await run(['mcopy', '-i', path, '-s', '-Q', '--', ...tops, '::/'], options)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** Offsets in a FAT12/FAT16 boot sector and in a directory entry: fatgen103, sections 3 and 6. */
const BOOT = { bytesPerSector: 11, reservedSectors: 14, fats: 16, sectorsPerFat: 22 } as const
const ENTRY = { attributes: 11, isLabel: 0x08, nameBytes: 11 } as const

/** mtools writes labels in capitals, but lookups of LABEL=config-2 are case-sensitive: the label is written here. */
async function writeLabel(path: string): Promise<void> {
  const image = await open(path, 'r+')
  try {
    const boot = Buffer.alloc(SECTOR)
    await image.read(boot, 0, SECTOR, 0)
    const fatSectors = boot.readUInt8(BOOT.fats) * boot.readUInt16LE(BOOT.sectorsPerFat)
    const rootDirectory =
      (boot.readUInt16LE(BOOT.reservedSectors) + fatSectors) * boot.readUInt16LE(BOOT.bytesPerSector)
    const entry = Buffer.alloc(ENTRY.nameBytes + 1)
    await image.read(entry, 0, entry.length, rootDirectory)
    if (entry[ENTRY.attributes] !== ENTRY.isLabel)
      throw new Error('the first entry of the config drive is not its label')
    await image.write(Buffer.from(LABEL.padEnd(ENTRY.nameBytes)), 0, ENTRY.nameBytes, rootDirectory)
  } finally {
    await image.close()
  }
}
