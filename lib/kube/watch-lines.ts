// SPDX-License-Identifier: Apache-2.0
import { StringDecoder } from 'node:string_decoder'

/**
 * Splits a stream of chunks into its lines: a watch is one JSON document a line. Empty lines are left out; what follows the last
 * line break when the stream ends is an event that was cut off, and is dropped: the next watch brings it again.
 */
export async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<string, void> {
  const decoder = new StringDecoder('utf8')
  // Parts of a line that is not complete: joined once, so that an object in many chunks costs its size and not its square.
  let parts: string[] = []
  for await (const chunk of chunks) {
    const text = decoder.write(chunk)
    let start = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      parts.push(text.slice(start, end))
      const line = parts.join('')
      parts = []
      start = end + 1
      if (line !== '') yield line
    }
    if (start < text.length) parts.push(text.slice(start))
  }
}
