// SPDX-License-Identifier: Apache-2.0
import { Duplex } from 'node:stream'
import { WINDOW_BYTES } from '../../lib/console/console-channel.ts'

/** Says what it is told to say, as fast as it is read, and echoes what is typed. */
export class Guest extends Duplex {
  left = 0
  said = 0
  /** What was typed. */
  heard = ''
  typedBytes = 0
  #text: Buffer | undefined
  constructor() {
    super({ highWaterMark: 64 * 1024 })
  }
  speak(bytes: number): void {
    this.left += bytes
    this._read()
  }
  /** As `speak`, in words of its own. */
  print(text: string): void {
    this.#text = Buffer.from(text)
    this.said = 0
    this.speak(this.#text.length)
  }
  override _read(): void {
    while (this.left > 0) {
      const bytes = Math.min(8192, this.left)
      const piece = this.#text?.subarray(this.said, this.said + bytes) ?? patternAt(this.said, bytes)
      this.left -= piece.length
      this.said += piece.length
      if (!this.push(piece)) return
    }
  }
  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.typedBytes += chunk.length
    this.heard += chunk.toString()
    this.push(`<${chunk.toString()}>`)
    done()
  }
}
/** Repeats itself after 64 KiB, and nowhere before. */
export const PERIOD = 65_536
// From any place in the first period there is as much as one message may have.
const PATTERN = Buffer.from(Array.from({ length: PERIOD + WINDOW_BYTES }, (_, i) => (i * 31 + (i >> 8)) & 255))
export function patternAt(position: number, bytes: number): Buffer {
  return PATTERN.subarray(position % PERIOD, (position % PERIOD) + bytes)
}
