// SPDX-License-Identifier: Apache-2.0
import { Duplex } from 'node:stream'

/** Of a console log, the newest: what a person reads, and no more than two windows of a console. */
export const LOG_BYTES = 2 ** 20

/** A log as the guest's end of a console: it says what it has and ends; what is typed goes nowhere. */
export function toLogStream(log: Buffer): Duplex {
  let at: Buffer | null = log
  return new Duplex({
    read() {
      if (at !== null && at.length > 0) this.push(at)
      at = null
      this.push(null)
    },
    write(_chunk, _encoding, done) {
      done()
    },
  })
}
