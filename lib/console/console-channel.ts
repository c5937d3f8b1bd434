// SPDX-License-Identifier: Apache-2.0
import { Duplex } from 'node:stream'
import { encodeFrame, PIECE_BYTES, type End, type Frame } from './frame.ts'

/** How far one end may send ahead of what the other's reader has read: also the most that it keeps in memory. */
export const WINDOW_BYTES = 512 * 1024
/** The window is moved when so much of it has been read. */
const STEP_BYTES = WINDOW_BYTES / 4
const PROGRESS_MS = 5_000
/** A peer that says nothing for three times as long is gone. */
const SILENT_MS = 3 * PROGRESS_MS

/** Why a console is over. */
export class ConsoleEnded extends Error {
  override name = 'ConsoleEnded'
  readonly reason: string
  constructor({ reason, message }: End) {
    super(message)
    this.reason = reason
  }
}

/** What the other end is told of an error. */
export function toEnd(error: Error | null | undefined): End {
  if (!error) return { reason: 'Closed', message: 'the console was closed' }
  const { reason } = error as { reason?: unknown }
  // What is no reason of ours may have any words.
  if (typeof reason !== 'string')
    return { reason: 'ConsoleFailed', message: 'the console broke: the log of the process at its other end says why' }
  return { reason, message: error.message.slice(0, 1024) }
}

/**
 * One end of a console that is carried over the bus, as a duplex stream: both ends are the same. The bus keeps order, but drops what it
 * cannot deliver, and slows nobody down: so each end sends only as far as the other's window reaches, and says where its bytes belong.
 */
export class ConsoleChannel extends Duplex {
  readonly #publish: (message: Buffer) => void
  /** Positions of what was sent and received, how far each may come, and the next write that has to wait. */
  #sent = 0
  #mayReach = WINDOW_BYTES
  #received = 0
  #granted = WINDOW_BYTES
  #waiting: (() => void) | undefined
  #heardMs = performance.now()
  #isTold = false
  #isOver = false
  #farewell: End = toEnd(undefined)
  #ended: End | undefined
  readonly #timer: NodeJS.Timeout

  /** @param publish a message for the other end; may lose it */
  constructor(publish: (message: Buffer) => void) {
    super({ allowHalfOpen: false, readableHighWaterMark: WINDOW_BYTES, writableHighWaterMark: PIECE_BYTES })
    this.#publish = publish
    this.#timer = setInterval(() => this.#tick(), PROGRESS_MS)
    this.#timer.unref()
  }

  /** A message of the other end. */
  receive(frame: Frame): void {
    if (this.destroyed || this.#isOver) return
    this.#heardMs = performance.now()
    if (frame.type === 'data') this.#take(frame)
    else if (frame.type === 'progress') this.#follow(frame)
    else if (frame.type === 'end') this.#end(frame.end)
  }

  /** What the other end has said of its end; undefined: it has not. */
  get ended(): End | undefined {
    return this.#ended
  }

  /** Ends it after what was written, and says why. */
  leave(end: End): void {
    if (!this.writableEnded) this.#farewell = end
    this.end()
  }

  override _read(): void {
    // It comes by itself.
  }

  /** Every way of reading that takes from what was kept goes through here, and only then it is known how much is left. */
  override read(size?: number): unknown {
    const chunk: unknown = super.read(size)
    this.#grant()
    return chunk
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    let at = 0
    const go = (): void => {
      // Nobody is there any more who would read it.
      while (at < chunk.length && !this.#ended) {
        const room = Math.min(PIECE_BYTES, chunk.length - at, this.#mayReach - this.#sent)
        if (room <= 0) {
          this.#waiting = go
          return
        }
        this.#publish(encodeFrame({ type: 'data', at: this.#sent, bytes: chunk.subarray(at, at + room) }))
        at += room
        this.#sent += room
      }
      done()
    }
    go()
  }

  override _final(done: () => void): void {
    this.#tell(this.#farewell)
    this.#close()
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearInterval(this.#timer)
    this.#tell(error ? toEnd(error) : this.#farewell)
    this.#waiting = undefined
    done(error)
  }

  #take({ at, bytes }: { at: number; bytes: Buffer }): void {
    if (at !== this.#received) {
      this.#lost()
      return
    }
    if (at + bytes.length > this.#granted) {
      this.#fail('WindowExceeded', 'the other end of the console sent more than it was let')
      return
    }
    this.#received += bytes.length
    // The message is a part of what the connection read: it would stay in memory whole.
    this.push(Buffer.from(bytes))
    this.#grant()
  }

  #follow({ sent, limit }: { sent: number; limit: number }): void {
    if (sent !== this.#received) {
      this.#lost()
      return
    }
    if (limit <= this.#mayReach) return
    this.#mayReach = limit
    this.#goOn()
  }

  #end(end: End): void {
    this.#isTold = true
    this.#ended = end
    this.#close()
    this.#goOn()
  }

  /** An end is that of both directions. What was received before is read first. */
  #close(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.push(null)
  }

  #goOn(): void {
    const go = this.#waiting
    this.#waiting = undefined
    go?.()
  }

  /** Moves the window of the other end as far as was read. */
  #grant(): void {
    const limit = this.#received - this.readableLength + WINDOW_BYTES
    if (limit - this.#granted < STEP_BYTES) return
    this.#granted = limit
    this.#say()
  }

  #say(): void {
    this.#publish(encodeFrame({ type: 'progress', sent: this.#sent, limit: this.#granted }))
  }

  #tick(): void {
    if (performance.now() - this.#heardMs > SILENT_MS) this.#fail('PeerSilent', 'the other end of the console is gone')
    else this.#say()
  }

  #lost(): void {
    this.#fail('BytesLost', 'bytes of the console were lost on the way: open it again')
  }

  #fail(reason: string, message: string): void {
    this.destroy(new ConsoleEnded({ reason, message }))
  }

  #tell(end: End): void {
    if (this.#isTold) return
    this.#isTold = true
    this.#publish(encodeFrame({ type: 'end', end }))
  }
}
