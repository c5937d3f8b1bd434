// SPDX-License-Identifier: Apache-2.0

const LINE_FEED = 0x0a

/** The last `count` lines; a line feed at the very end ends the last of them. Pure. */
export function lastLines(bytes: Buffer, count: number): Buffer {
  let at = bytes.at(-1) === LINE_FEED ? bytes.length - 1 : bytes.length
  for (let left = count; left > 0; left--) {
    // A negative index would be one from the end.
    const before = at === 0 ? -1 : bytes.lastIndexOf(LINE_FEED, at - 1)
    if (before < 0) return bytes
    at = before
  }
  return bytes.subarray(at + 1)
}
