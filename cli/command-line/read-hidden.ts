// SPDX-License-Identifier: Apache-2.0
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { UsageError } from './command.ts'

/** More than a line of a password, by far. */
const MOST_BYTES = 64 * 1024

/** Lines that a person types without seeing them, or the one line that is piped in. @throws UsageError when the input ends before that */
export async function readHidden(prompts: readonly string[]): Promise<string[]> {
  if (!process.stdin.isTTY) return [withoutLineEnd(await readAll(process.stdin))]
  // readline writes what is typed to its output.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const line = createInterface({ input: process.stdin, output: nowhere, terminal: true })
  const ended = new Promise<never>((_, reject) => line.once('close', () => reject(new UsageError('nothing was typed'))))
  const interrupted = new Promise<never>((_, reject) => line.once('SIGINT', () => reject(new UsageError('given up'))))
  try {
    const typed: string[] = []
    for (const prompt of prompts) {
      process.stderr.write(prompt)
      typed.push(await Promise.race([line.question(''), ended, interrupted]))
      process.stderr.write('\n')
    }
    return typed
  } finally {
    ended.catch(() => undefined)
    interrupted.catch(() => undefined)
    line.close()
  }
}

/** As `echo` and editors end a line. */
function withoutLineEnd(text: string): string {
  return text.replace(/\r?\n$/, '')
}

async function readAll(input: AsyncIterable<Buffer | string>): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of input) {
    const bytes = Buffer.from(chunk)
    length += bytes.length
    if (length > MOST_BYTES) throw new UsageError(`more than ${MOST_BYTES} bytes were piped in`)
    chunks.push(bytes)
  }
  return Buffer.concat(chunks).toString('utf8')
}
