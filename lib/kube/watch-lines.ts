// SPDX-License-Identifier: Apache-2.0
import { StringDecoder } from 'node:string_decoder'

/**
 * Splits a stream of chunks into lines: a watch is one JSON document per line. Empty lines are skipped. What follows the last line break at
 * the end is an event that was cut off; it is dropped, and the next watch delivers it again.
 */
export async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<string, void> {
  const decoder = new StringDecoder('utf8')
  // Parts of an incomplete line: joined once, so that the cost of an object in many chunks stays linear.
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
