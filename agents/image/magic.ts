// SPDX-License-Identifier: Apache-2.0
// The format that a file's own bytes claim, by the signatures that QEMU's probing and common tools look for.

/** Bytes from the start that `detectMagic` needs; ISO 9660's signature is the farthest in. */
export const MAGIC_HEAD_BYTES = 64 * 1024
/** Bytes from the end: VHD and DMG have their signatures in a trailer. */
export const MAGIC_TAIL_BYTES = 512

export type MagicClass =
  /** A disk format that a probing tool would open as such: it may refer to other files, or be a different disk than declared. */
  | 'disk'
  /** Compressed or packed: not bootable as it is. */
  | 'archive'
  | 'text'

export interface Magic {
  name: string
  class: MagicClass
}

interface Signature {
  name: string
  class: MagicClass
  offset: number
  bytes: Buffer
}

const at = (offset: number, name: string, cls: MagicClass, bytes: string | number[]): Signature => ({
  name,
  class: cls,
  offset,
  bytes: typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : Buffer.from(bytes),
})

const HEAD: readonly Signature[] = [
  at(0, 'qcow2', 'disk', 'QFI\xfb'),
  at(0, 'qed', 'disk', 'QED\0'),
  at(0, 'vmdk', 'disk', 'KDMV'),
  at(0, 'vmdk', 'disk', 'COWD'),
  at(0, 'vmdk', 'disk', '# Disk DescriptorFile'),
  at(64, 'vdi', 'disk', [0x7f, 0x10, 0xda, 0xbe]),
  at(0, 'vhdx', 'disk', 'vhdxfile'),
  at(0, 'vhd', 'disk', 'conectix'),
  at(0, 'luks', 'disk', 'LUKS\xba\xbe'),
  at(0, 'parallels', 'disk', 'WithoutFreeSpace'),
  at(0, 'parallels', 'disk', 'WithouFreSpacExt'),
  at(0, 'bochs', 'disk', 'Bochs Virtual HD Image'),
  at(0, 'cloop', 'disk', '#!/bin/sh\n#V2.0 Format'),
  at(0, 'gzip', 'archive', [0x1f, 0x8b]),
  at(0, 'xz', 'archive', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]),
  at(0, 'zstd', 'archive', [0x28, 0xb5, 0x2f, 0xfd]),
  at(0, 'bzip2', 'archive', 'BZh'),
  at(0, 'zip', 'archive', 'PK\x03\x04'),
  at(0, '7z', 'archive', [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c]),
  at(257, 'tar', 'archive', 'ustar'),
]
const ISO = at(32769, 'iso', 'disk', 'CD001')
const TAIL: readonly Signature[] = [at(0, 'vhd', 'disk', 'conectix'), at(0, 'dmg', 'disk', 'koly')]

/** Disk formats by their own names; those are in capitals. */
export const MAGIC_DISK_NAMES: readonly string[] = [...HEAD, ...TAIL]
  .filter((s) => s.class === 'disk' && s.name !== 'qcow2' && s.name !== 'luks')
  .map((s) => s.name)

const has = (bytes: Buffer, s: Signature): boolean =>
  bytes.length >= s.offset + s.bytes.length &&
  bytes.compare(s.bytes, 0, s.bytes.length, s.offset, s.offset + s.bytes.length) === 0

/** 0x55AA at the end of the first sector: a master boot record, including the protective ones of GPT disks. */
function hasBootSignature(head: Buffer): boolean {
  return head.length >= 512 && head[510] === 0x55 && head[511] === 0xaa
}

/**
 * The format that the bytes claim; undefined for anything that can only be a raw disk. A CD image that also has a boot sector (hybrid) is a
 * disk like any other, so it is undefined too. Pure.
 * @param head the first bytes, up to MAGIC_HEAD_BYTES
 * @param tail the last bytes, up to MAGIC_TAIL_BYTES
 */
export function detectMagic(head: Buffer, tail: Buffer): Magic | undefined {
  const found = HEAD.find((s) => has(head, s)) ?? TAIL.find((s) => has(tail, s))
  if (found) return { name: found.name, class: found.class }
  if (has(head, ISO) && !hasBootSignature(head)) return { name: ISO.name, class: ISO.class }
  return isText(head.subarray(0, 512)) ? { name: 'text', class: 'text' } : undefined
}

/** An error page or a directory listing instead of a disk: only printable characters in the first sector. */
function isText(sector: Buffer): boolean {
  return sector.length > 0 && sector.every((b) => b === 9 || b === 10 || b === 13 || (b >= 32 && b !== 127))
}
