// SPDX-License-Identifier: Apache-2.0
// Whether a downloaded file may become an image: is it of the declared format, and does it refer to nothing outside itself?
import { TerminalError } from '../../lib/errors.ts'
import { detectMagic, MAGIC_DISK_NAMES } from './magic.ts'
import { parseQcow2, Qcow2FormatError, type Qcow2Header } from './qcow2.ts'

export type ImageFormat = 'raw' | 'qcow2'

export interface ImageBytes {
  /** The first bytes: MAGIC_HEAD_BYTES of them, or the whole file. */
  head: Buffer
  /** The last bytes: MAGIC_TAIL_BYTES of them, or the whole file. */
  tail: Buffer
  fileBytes: number
}

export interface InspectedImage {
  format: ImageFormat
  virtualSizeBytes: number
  qcow2?: Qcow2Header
}

/** Larger than any guest's disk here; a larger figure in a header is an attack on whatever allocates by it. */
const MAX_VIRTUAL_BYTES = 64 * 2 ** 40
const SECTOR = 512

/**
 * Checks a file against its declared format. Pure.
 * @throws TerminalError ImageFormatMismatch: it is not what was declared, or not an image at all; ImageUnsafe: it refers to other files,
 * would be taken for another format by a tool that probes, or exceeds a limit
 */
export function inspectImage(bytes: ImageBytes, declared: ImageFormat): InspectedImage {
  if (bytes.fileBytes === 0) throw mismatch('the source is empty')
  const magic = detectMagic(bytes.head, bytes.tail)
  switch (declared) {
    case 'qcow2': {
      if (magic?.name !== 'qcow2') {
        throw mismatch(`spec.format says qcow2, but the source is ${magic ? describe(magic.name) : 'no qcow2 file'}`)
      }
      const header = readQcow2(bytes)
      refuseUnsafe(header)
      return { format: 'qcow2', virtualSizeBytes: header.virtualSizeBytes, qcow2: header }
    }
    case 'raw': {
      if (magic?.class === 'disk')
        throw unsafe(`spec.format says raw, but the source is ${describe(magic.name)}; ${whatToDo(magic.name)}`)
      if (magic)
        throw mismatch(
          `the source is ${describe(magic.name)} and no disk image; give the URL of the ${magic.class === 'archive' ? 'unpacked ' : ''}image`,
        )
      if (bytes.fileBytes % SECTOR !== 0) {
        throw mismatch(
          `the source has ${bytes.fileBytes} bytes, which is no whole number of ${SECTOR}-byte sectors: it is cut off or no disk`,
        )
      }
      return { format: 'raw', virtualSizeBytes: bytes.fileBytes }
    }
  }
}

function readQcow2(bytes: ImageBytes): Qcow2Header {
  try {
    return parseQcow2(bytes.head, bytes.fileBytes)
  } catch (error) {
    if (error instanceof Qcow2FormatError) throw mismatch(`the source is no sound qcow2 file: ${error.message}`)
    throw error
  }
}

function refuseUnsafe(header: Qcow2Header): void {
  if (header.backingFile !== undefined) {
    throw unsafe('the qcow2 file refers to a backing file; publish it flattened (qemu-img convert)')
  }
  if (header.externalDataFile)
    throw unsafe('the qcow2 file keeps its data in another file; publish it as one file (qemu-img convert)')
  if (header.encrypted) throw unsafe('the qcow2 file is encrypted; publish it without encryption')
  if (header.snapshots > 0) {
    throw unsafe(`the qcow2 file holds ${header.snapshots} internal snapshots; publish it without (qemu-img convert)`)
  }
  if (header.corrupt)
    throw unsafe('the qcow2 file is marked corrupt; repair it (qemu-img check -r all) and publish it anew')
  const size = header.virtualSizeBytes
  if (size === 0 || size > MAX_VIRTUAL_BYTES) throw unsafe(`the virtual size of ${size} bytes is out of bounds`)
}

/** The format's common name, with its article. */
const CALLED: Readonly<Record<string, string>> = {
  text: 'plain text',
  iso: 'a CD image (ISO 9660)',
  luks: 'an encrypted disk (LUKS)',
  xz: 'an xz file',
  '7z': 'a 7z file',
}

const describe = (name: string): string =>
  CALLED[name] ?? (MAGIC_DISK_NAMES.includes(name) ? `a ${name.toUpperCase()} disk` : `a ${name} file`)

/** Advises only formats that the schema accepts. */
function whatToDo(name: string): string {
  switch (name) {
    case 'qcow2':
      return 'make an Image with format: qcow2'
    case 'iso':
      return 'publish an installed disk, or a hybrid image that has a boot sector'
    case 'luks':
      return 'publish it without encryption'
    default:
      return 'convert it to qcow2 or raw (qemu-img convert) and publish that'
  }
}

const mismatch = (message: string): TerminalError => new TerminalError('ImageFormatMismatch', message)
const unsafe = (message: string): TerminalError => new TerminalError('ImageUnsafe', message)
