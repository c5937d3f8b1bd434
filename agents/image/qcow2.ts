// SPDX-License-Identifier: Apache-2.0
// Reads the header of a qcow2 file, by our own code, before any tool opens the file. Format: QEMU's docs/interop/qcow2.rst. All numbers are
// big-endian. Everything in the file is untrusted: each offset and length is checked against the file's size before use.

export const QCOW2_MAGIC = 0x514649fb
const V2_HEADER_BYTES = 72
const V3_HEADER_BYTES = 104
/** QEMU's own limits: 2 MiB clusters, 32 MiB L1 table, 8 MiB refcount table. */
const MAX_CLUSTER_BITS = 21
const MAX_L1_BYTES = 32n * 1024n * 1024n
/**
 * QEMU makes the table half as large again as needed where it stored a machine's state; every guest on the image holds all of it in memory.
 */
const SPARE_L1_ENTRIES = 1024n
const MAX_REFCOUNT_TABLE_BYTES = 8n * 1024n * 1024n
const MAX_BACKING_NAME = 1023

const INCOMPATIBLE = {
  dirty: 1n << 0n,
  corrupt: 1n << 1n,
  dataFile: 1n << 2n,
  compression: 1n << 3n,
  extendedL2: 1n << 4n,
}
const KNOWN_INCOMPATIBLE = Object.values(INCOMPATIBLE).reduce((all, bit) => all | bit, 0n)
const RAW_EXTERNAL = 1n << 1n

const EXTENSION = { end: 0, backingFormat: 0xe2792aca, encryption: 0x0537be77, dataFile: 0x44415441 }
/** Far more than any writer makes; bounds the work that a hostile file can cause. */
const MAX_EXTENSIONS = 64

export interface Qcow2Header {
  version: 2 | 3
  clusterBits: number
  virtualSizeBytes: number
  /** The entries that the disk needs; the table may have more, which no guest reads. */
  l1Entries: number
  l1Offset: number
  extendedL2: boolean
  backingFile?: string
  /** Set when the header refers to one in any form: the feature bit, the auto-clear bit or the name extension. */
  externalDataFile: boolean
  encrypted: boolean
  snapshots: number
  dirty: boolean
  corrupt: boolean
  /** Types of the header extensions found, in order. */
  extensions: number[]
}

/** Not a well-formed qcow2 header; the message names the field. */
export class Qcow2FormatError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'Qcow2FormatError'
  }
}

const malformed = (what: string): never => {
  throw new Qcow2FormatError(what)
}

/**
 * Reads the header. Pure; never reads outside `head`.
 * @param head the first bytes of the file: the whole first cluster, or the file when it is shorter; 64 KiB is enough for all headers that
 * QEMU writes, a longer extension area is refused
 * @param fileBytes the size of the whole file
 * @throws Qcow2FormatError for anything that cannot be a sound qcow2 file of that size
 */
export function parseQcow2(head: Buffer, fileBytes: number): Qcow2Header {
  if (head.length < V2_HEADER_BYTES) malformed('the file is shorter than a qcow2 header')
  if (head.readUInt32BE(0) !== QCOW2_MAGIC) malformed('the qcow2 signature is missing')
  const version = head.readUInt32BE(4)
  if (version !== 2 && version !== 3) return malformed(`version ${version} is not 2 or 3`)
  if (version === 3 && head.length < V3_HEADER_BYTES) malformed('the file is shorter than a version 3 header')

  const clusterBits = head.readUInt32BE(20)
  if (clusterBits < 9 || clusterBits > MAX_CLUSTER_BITS)
    malformed(`cluster_bits ${clusterBits} is not between 9 and ${MAX_CLUSTER_BITS}`)
  const features = version === 3 ? head.readBigUInt64BE(72) : 0n
  const autoclear = version === 3 ? head.readBigUInt64BE(88) : 0n
  const unknown = features & ~KNOWN_INCOMPATIBLE
  if (unknown !== 0n) malformed(`unknown incompatible features 0x${unknown.toString(16)}`)
  const headerBytes = version === 3 ? head.readUInt32BE(100) : V2_HEADER_BYTES
  if (version === 3 && (headerBytes < V3_HEADER_BYTES || headerBytes % 8 !== 0 || headerBytes > 1 << clusterBits)) {
    malformed(`header_length ${headerBytes} is not sound`)
  }
  const extendedL2 = (features & INCOMPATIBLE.extendedL2) !== 0n
  const backingFile = readBackingName(head, clusterBits)
  const { l1Entries, l1Offset, virtualSizeBytes } = readTables(head, clusterBits, extendedL2, BigInt(fileBytes))
  const extensions = readExtensions(head, headerBytes, clusterBits)

  return {
    version,
    clusterBits,
    virtualSizeBytes,
    l1Entries,
    l1Offset,
    extendedL2,
    ...(backingFile === undefined ? {} : { backingFile }),
    externalDataFile:
      (features & INCOMPATIBLE.dataFile) !== 0n ||
      (autoclear & RAW_EXTERNAL) !== 0n ||
      extensions.includes(EXTENSION.dataFile),
    encrypted: head.readUInt32BE(32) !== 0 || extensions.includes(EXTENSION.encryption),
    snapshots: head.readUInt32BE(60),
    dirty: (features & INCOMPATIBLE.dirty) !== 0n,
    corrupt: (features & INCOMPATIBLE.corrupt) !== 0n,
    extensions,
  }
}

/** A size without an offset is left by writers that cleared only one of the two; QEMU looks at the offset only. */
function readBackingName(head: Buffer, clusterBits: number): string | undefined {
  const offset = head.readBigUInt64BE(8)
  if (offset === 0n) return undefined
  const length = head.readUInt32BE(16)
  const end = offset + BigInt(length)
  if (length > MAX_BACKING_NAME || end > 1n << BigInt(clusterBits) || end > BigInt(head.length)) {
    // It only matters that there is one: a name that is out of bounds is no reason to overlook it.
    return ''
  }
  return head.toString('utf8', Number(offset), Number(end))
}

function readTables(head: Buffer, clusterBits: number, extendedL2: boolean, fileBytes: bigint) {
  const cluster = 1n << BigInt(clusterBits)
  const size = head.readBigUInt64BE(24)
  if (size > BigInt(Number.MAX_SAFE_INTEGER)) malformed(`virtual size ${size} is out of bounds`)
  const l2Entries = cluster / (extendedL2 ? 16n : 8n)
  const needed = (size + cluster * l2Entries - 1n) / (cluster * l2Entries)
  const l1Entries = BigInt(head.readUInt32BE(36))
  const l1Offset = head.readBigUInt64BE(40)
  if (l1Entries * 8n > MAX_L1_BYTES) malformed(`the L1 table has ${l1Entries} entries, more than any reader takes`)
  if (l1Entries < needed) malformed(`the L1 table has ${l1Entries} entries, the size needs ${needed}`)
  if (l1Entries > needed * 2n + SPARE_L1_ENTRIES)
    malformed(`the L1 table has ${l1Entries} entries, the size needs no more than ${needed}`)
  if (l1Entries > 0n) checkRegion('the L1 table', l1Offset, l1Entries * 8n, cluster, fileBytes)
  const refcountBytes = BigInt(head.readUInt32BE(56)) * cluster
  if (refcountBytes === 0n) malformed('there is no refcount table')
  if (refcountBytes > MAX_REFCOUNT_TABLE_BYTES) malformed('the refcount table is larger than any reader takes')
  checkRegion('the refcount table', head.readBigUInt64BE(48), refcountBytes, cluster, fileBytes)
  return { l1Entries: Number(needed), l1Offset: Number(l1Offset), virtualSizeBytes: Number(size) }
}

function checkRegion(what: string, offset: bigint, length: bigint, cluster: bigint, fileBytes: bigint): void {
  if (offset === 0n || offset % cluster !== 0n) malformed(`${what} does not begin at a cluster`)
  if (offset + length > fileBytes) malformed(`${what} lies beyond the end of the file: the file is cut off`)
}

function readExtensions(head: Buffer, headerBytes: number, clusterBits: number): number[] {
  const types: number[] = []
  const limit = Math.min(head.length, 1 << clusterBits)
  // The area ends with an end mark, where the backing file's name begins, or with the cluster; when there is no room for it, there is none.
  const backing = head.readBigUInt64BE(8)
  const end = backing > 0n && backing < BigInt(limit) ? Number(backing) : limit
  let at = headerBytes
  while (at + 8 <= end) {
    const type = head.readUInt32BE(at)
    const length = head.readUInt32BE(at + 4)
    if (type === EXTENSION.end) return types
    types.push(type)
    if (types.length > MAX_EXTENSIONS) malformed('too many header extensions')
    if (length > end - at - 8) malformed(`header extension 0x${type.toString(16)} is longer than its place`)
    at += 8 + Math.ceil(length / 8) * 8
  }
  return types
}
