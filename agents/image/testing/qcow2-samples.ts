// SPDX-License-Identifier: Apache-2.0
// Small qcow2 files for tests, built field by field so that each field can be made invalid on its own.

export interface SampleFields {
  version?: number
  clusterBits?: number
  virtualSizeBytes?: bigint
  backingFile?: string
  backingOffset?: bigint
  cryptMethod?: number
  l1Entries?: number
  l1Offset?: bigint
  refcountOffset?: bigint
  refcountClusters?: number
  snapshots?: number
  incompatible?: bigint
  autoclear?: bigint
  headerLength?: number
  extensions?: { type: number; data: Buffer; claimedLength?: number }[]
  fileBytes?: number
}

/** Four clusters: header, refcount table, (room for) a refcount block, L1 table. */
export function sampleQcow2(fields: SampleFields = {}): Buffer {
  const clusterBits = fields.clusterBits ?? 16
  const cluster = 2 ** Math.min(clusterBits, 16)
  const file = Buffer.alloc(fields.fileBytes ?? cluster * 4)
  const header = Buffer.alloc(Math.max(cluster, 4096))
  header.writeUInt32BE(0x514649fb, 0)
  header.writeUInt32BE(fields.version ?? 3, 4)
  header.writeUInt32BE(clusterBits, 20)
  header.writeBigUInt64BE(fields.virtualSizeBytes ?? 1n << 26n, 24)
  header.writeUInt32BE(fields.cryptMethod ?? 0, 32)
  header.writeUInt32BE(fields.l1Entries ?? 1, 36)
  header.writeBigUInt64BE(fields.l1Offset ?? BigInt(cluster * 3), 40)
  header.writeBigUInt64BE(fields.refcountOffset ?? BigInt(cluster), 48)
  header.writeUInt32BE(fields.refcountClusters ?? 1, 56)
  header.writeUInt32BE(fields.snapshots ?? 0, 60)
  const v3 = (fields.version ?? 3) === 3
  if (v3) {
    header.writeBigUInt64BE(fields.incompatible ?? 0n, 72)
    header.writeBigUInt64BE(fields.autoclear ?? 0n, 88)
    header.writeUInt32BE(4, 96)
    header.writeUInt32BE(fields.headerLength ?? 104, 100)
  }
  let at = v3 ? (fields.headerLength ?? 104) : 72
  for (const { type, data, claimedLength } of fields.extensions ?? []) {
    header.writeUInt32BE(type, at)
    header.writeUInt32BE(claimedLength ?? data.length, at + 4)
    data.copy(header, at + 8)
    at += 8 + Math.ceil(data.length / 8) * 8
  }
  if (fields.backingFile !== undefined) {
    header.writeBigUInt64BE(fields.backingOffset ?? BigInt(at + 8), 8)
    header.writeUInt32BE(Buffer.byteLength(fields.backingFile), 16)
    header.write(fields.backingFile, at + 8)
  } else if (fields.backingOffset !== undefined) header.writeBigUInt64BE(fields.backingOffset, 8)
  header.copy(file, 0, 0, Math.min(header.length, file.length))
  return file
}

/** A disk with a boot sector, filled with the given byte. */
export function sampleRaw(bytes: number, fill = 0): Buffer {
  const disk = Buffer.alloc(bytes, fill)
  disk[510] = 0x55
  disk[511] = 0xaa
  return disk
}
