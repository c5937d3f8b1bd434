// SPDX-License-Identifier: Apache-2.0
// Reads a tar archive as it comes, without a file written and with bounded memory: whoever made it may be hostile.
// ustar with pax headers (POSIX.1-2001) and GNU's long names: https://www.gnu.org/software/tar/manual/html_node/Standard.html
import { ArchiveError } from './archive-error.ts'

export interface TarEntry {
  path: string
  /** Undefined: its reader did not want it. */
  bytes?: Buffer
}

export interface TarBounds {
  /** Entries of any type. */
  entries: number
  /** Of one file that is wanted. */
  fileBytes: number
  /** Of all, as unpacked. */
  totalBytes: number
}

const BLOCK = 512
/** Of a header that has the next entry's name. */
const MOST_HEADER_BYTES = 64 * 1024

interface Header {
  path: string
  type: string
  size: number
}

/** Files alone; folders are passed over. @param isWanted whose bytes are kept. @throws ArchiveError for anything else, and beyond the bounds */
export async function* readTar(
  chunks: AsyncIterable<Buffer>,
  bounds: TarBounds,
  isWanted: (path: string) => boolean,
): AsyncGenerator<TarEntry, void> {
  const source = new Blocks(chunks, bounds.totalBytes)
  let entries = 0
  let longPath: string | undefined
  for (;;) {
    const block = await source.read(BLOCK)
    // The end is two blocks of zeros; some leave them out.
    if (block === undefined || block.every((byte) => byte === 0)) return
    const header = parseHeader(block)
    if (++entries > bounds.entries) throw new ArchiveError(`it has more than ${bounds.entries} entries`)
    if (header.type === 'L' || header.type === 'x' || header.type === 'g') {
      if (header.size > MOST_HEADER_BYTES) throw new ArchiveError('a name in it is longer than any can be')
      const text = (await source.readPadded(header.size)).toString('utf8')
      if (header.type === 'L') longPath = text.replace(/\0.*$/s, '')
      if (header.type === 'x') longPath = pathOfPax(text) ?? longPath
      continue
    }
    const path = longPath ?? header.path
    longPath = undefined
    assertPlainPath(path)
    if (header.type === '5') {
      await source.skipPadded(header.size)
    } else if (header.type !== '0') {
      throw new ArchiveError(`${quote(path)} is no file and no folder: links and devices are in no backup`)
    } else if (!isWanted(path)) {
      await source.skipPadded(header.size)
      yield { path }
    } else {
      if (header.size > bounds.fileBytes)
        throw new ArchiveError(`${quote(path)} has ${header.size} bytes, more than an object can have`)
      yield { path, bytes: await source.readPadded(header.size) }
    }
  }
}

/** For messages: what strangers wrote, in one line. */
export function quote(path: string): string {
  return JSON.stringify(path.slice(0, 200))
}

function assertPlainPath(path: string): void {
  const parts = path.replace(/^\.\//, '').replace(/\/$/, '').split('/')
  const isPlain =
    !path.startsWith('/') && !/[\0\\]/.test(path) && parts.every((part, i) => part !== '..' && (part !== '' || i === 0))
  if (!isPlain) throw new ArchiveError(`it has the path ${quote(path)}, which leads out of it`)
}

function parseHeader(block: Buffer): Header {
  const text = (from: number, length: number) =>
    block
      .subarray(from, from + length)
      .toString('utf8')
      .replace(/\0.*$/s, '')
  const sum = block.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 0x20 : byte), 0)
  if (octal(text(148, 8)) !== sum) throw new ArchiveError('it is no tar archive, or broken')
  const size = octal(text(124, 12))
  if (size === undefined) throw new ArchiveError('it has an entry of a size that is no number')
  const prefix = text(257, 6).startsWith('ustar') && block[262] === 0 ? text(345, 155) : ''
  const flag = String.fromCharCode(block[156] ?? 0)
  return { path: prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`, type: flag === '\0' ? '0' : flag, size }
}

/** Undefined: no number, or one of those that GNU tar writes in binary, which begin at 8 GiB. */
function octal(text: string): number | undefined {
  const digits = text.trim()
  return /^[0-7]{1,12}$/.test(digits) ? parseInt(digits, 8) : undefined
}

/** Records are `LENGTH KEY=VALUE\n`. @throws ArchiveError also for a size that replaces the header's */
function pathOfPax(text: string): string | undefined {
  let path: string | undefined
  for (let rest = Buffer.from(text); rest.length > 0;) {
    const [, digits = ''] = /^(\d{1,6}) /.exec(rest.subarray(0, 8).toString('latin1')) ?? []
    const length = Number(digits)
    if (length <= digits.length + 1 || length > rest.length) throw new ArchiveError('a header in it is broken')
    const record = rest.subarray(digits.length + 1, length - 1).toString('utf8')
    const equals = record.indexOf('=')
    const key = record.slice(0, equals)
    if (key === 'path') path = record.slice(equals + 1)
    if (key === 'size' || key.startsWith('GNU.sparse'))
      throw new ArchiveError('it has files that are larger than any object, or with holes')
    rest = rest.subarray(length)
  }
  return path
}

/** So many bytes at once of what comes in pieces of any size. */
class Blocks {
  readonly #source: AsyncIterator<Buffer>
  readonly #mostBytes: number
  #rest: Buffer = Buffer.alloc(0)
  #bytes = 0

  constructor(chunks: AsyncIterable<Buffer>, mostBytes: number) {
    this.#source = chunks[Symbol.asyncIterator]()
    this.#mostBytes = mostBytes
  }

  /** Undefined at the end. */
  async read(count: number): Promise<Buffer | undefined> {
    const parts: Buffer[] = []
    let missing = count
    while (missing > 0) {
      if (this.#rest.length === 0 && !(await this.#more())) {
        if (missing === count) return undefined
        throw new ArchiveError('it ends in the middle of a file')
      }
      const part = this.#rest.subarray(0, missing)
      parts.push(part)
      this.#rest = this.#rest.subarray(part.length)
      missing -= part.length
    }
    return Buffer.concat(parts)
  }

  async readPadded(count: number): Promise<Buffer> {
    const whole = await this.read(padded(count))
    if (whole === undefined && count > 0) throw new ArchiveError('it ends in the middle of a file')
    return (whole ?? Buffer.alloc(0)).subarray(0, count)
  }

  async skipPadded(count: number): Promise<void> {
    for (let left = padded(count); left > 0;) {
      if (this.#rest.length === 0 && !(await this.#more())) throw new ArchiveError('it ends in the middle of a file')
      const step = Math.min(left, this.#rest.length)
      this.#rest = this.#rest.subarray(step)
      left -= step
    }
  }

  async #more(): Promise<boolean> {
    const next = await this.#source.next()
    if (next.done === true) return false
    this.#rest = next.value
    this.#bytes += this.#rest.length
    if (this.#bytes > this.#mostBytes) throw new ArchiveError(`it unpacks to more than ${this.#mostBytes} bytes`)
    return true
  }
}

function padded(count: number): number {
  return Math.ceil(count / BLOCK) * BLOCK
}
