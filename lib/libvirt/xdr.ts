// SPDX-License-Identifier: Apache-2.0
// XDR, RFC 4506: every item takes a multiple of four bytes, big-endian. Only the types that libvirt's protocol uses.

/** Malformed or hostile bytes; never a reason to read beyond a message. */
export class XdrError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'XdrError'
  }
}

export class XdrWriter {
  #buffer = Buffer.alloc(256)
  #length = 0

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }
  reserve(size: number): number {
    const at = this.#length
    if (at + size > this.#buffer.length) {
      const grown = Buffer.alloc(Math.max(this.#buffer.length * 2, at + size))
      this.#buffer.copy(grown, 0, 0, at)
      this.#buffer = grown
    }
    this.#length = at + size
    return at
  }
  int(value: number): void {
    this.#buffer32().writeInt32BE(value, this.#length - 4)
  }
  uint(value: number): void {
    this.#buffer32().writeUInt32BE(value, this.#length - 4)
  }
  uhyper(value: bigint): void {
    const at = this.reserve(8)
    this.#buffer.writeBigUInt64BE(value, at)
  }
  /** Fixed-length opaque data, padded with zero bytes. */
  raw(data: Uint8Array): void {
    const at = this.reserve(padded(data.length))
    this.#buffer.set(data, at)
    this.#buffer.fill(0, at + data.length, this.#length)
  }
  #buffer32(): Buffer {
    this.reserve(4)
    return this.#buffer
  }
}

export class XdrReader {
  readonly #buffer: Buffer
  #at = 0

  constructor(buffer: Buffer) {
    this.#buffer = buffer
  }
  remaining(): number {
    return this.#buffer.length - this.#at
  }
  int(): number {
    return this.#buffer.readInt32BE(this.#take(4))
  }
  uint(): number {
    return this.#buffer.readUInt32BE(this.#take(4))
  }
  uhyper(): bigint {
    return this.#buffer.readBigUInt64BE(this.#take(8))
  }
  raw(length: number): Buffer {
    const at = this.#take(padded(length))
    for (let i = at + length; i < this.#at; i++) {
      if (this.#buffer[i] !== 0) throw new XdrError('padding is not zero')
    }
    return this.#buffer.subarray(at, at + length)
  }
  #take(size: number): number {
    const at = this.#at
    if (at + size > this.#buffer.length)
      throw new XdrError(`message ends ${at + size - this.#buffer.length} bytes early`)
    this.#at = at + size
    return at
  }
}

function padded(length: number): number {
  return (length + 3) & ~3
}

/** Both directions of one XDR type. */
export interface Codec<T> {
  encode(writer: XdrWriter, value: T): void
  decode(reader: XdrReader): T
}
export type Decoded<C> = C extends Codec<infer T> ? T : never

export const voidType: Codec<void> = { encode: () => undefined, decode: () => undefined }
export const int: Codec<number> = { encode: (w, v) => w.int(v), decode: (r) => r.int() }
export const uint: Codec<number> = { encode: (w, v) => w.uint(v), decode: (r) => r.uint() }
export const uhyper: Codec<bigint> = { encode: (w, v) => w.uhyper(v), decode: (r) => r.uhyper() }
export const bool: Codec<boolean> = {
  encode: (w, v) => w.uint(v ? 1 : 0),
  decode: (r) => {
    const value = r.uint()
    if (value > 1) throw new XdrError(`boolean is ${value}`)
    return value === 1
  },
}

/** Opaque data of exactly `length` bytes. */
export function opaque(length: number): Codec<Buffer> {
  return {
    encode: (w, v) => {
      if (v.length !== length) throw new XdrError(`${v.length} bytes where ${length} are wanted`)
      w.raw(v)
    },
    decode: (r) => Buffer.from(r.raw(length)),
  }
}

export function string(maxBytes: number): Codec<string> {
  return {
    encode: (w, v) => {
      const bytes = Buffer.from(v, 'utf8')
      if (bytes.length > maxBytes) throw new XdrError(`string of ${bytes.length} bytes is above ${maxBytes}`)
      if (bytes.includes(0)) throw new XdrError('string holds a zero byte')
      w.uint(bytes.length)
      w.raw(bytes)
    },
    decode: (r) => {
      const length = r.uint()
      if (length > maxBytes) throw new XdrError(`string of ${length} bytes is above ${maxBytes}`)
      return r.raw(length).toString('utf8')
    },
  }
}

/** XDR's optional-data: a boolean, then the value when it is there. */
export function optional<T>(item: Codec<T>): Codec<T | undefined> {
  return {
    encode: (w, v) => {
      bool.encode(w, v !== undefined)
      if (v !== undefined) item.encode(w, v)
    },
    decode: (r) => (bool.decode(r) ? item.decode(r) : undefined),
  }
}

export function array<T>(item: Codec<T>, maxItems: number): Codec<T[]> {
  return {
    encode: (w, v) => {
      if (v.length > maxItems) throw new XdrError(`${v.length} items are above ${maxItems}`)
      w.uint(v.length)
      for (const entry of v) item.encode(w, entry)
    },
    decode: (r) => {
      const length = r.uint()
      // Each item takes at least four bytes: a count that cannot fit is refused before anything is allocated for it.
      if (length > maxItems || length * 4 > r.remaining()) throw new XdrError(`a list of ${length} items does not fit`)
      return Array.from({ length }, () => item.decode(r))
    },
  }
}

export function fixedArray<T>(item: Codec<T>, length: number): Codec<T[]> {
  return {
    encode: (w, v) => {
      if (v.length !== length) throw new XdrError(`${v.length} items where ${length} are wanted`)
      for (const entry of v) item.encode(w, entry)
    },
    decode: (r) => Array.from({ length }, () => item.decode(r)),
  }
}

type Fields = Record<string, Codec<never>> | Record<string, Codec<unknown>>
type Struct<F> = { [K in keyof F]: Decoded<F[K]> }

/** The fields in the order in which they are written here. */
export function struct<F extends Fields>(fields: F): Codec<Struct<F>> {
  const entries = Object.entries(fields) as [keyof F & string, Codec<unknown>][]
  return {
    encode: (w, v) => {
      for (const [name, codec] of entries) codec.encode(w, v[name])
    },
    decode: (r) => Object.fromEntries(entries.map(([name, codec]) => [name, codec.decode(r)])) as Struct<F>,
  }
}
