// SPDX-License-Identifier: Apache-2.0
import { destination, pino, type Logger } from 'pino'
import { textOfLine } from './log-text.ts'

export type { Logger }

/** Field names whose values are never logged, in the first three levels of an entry. */
const SECRET_FIELDS = ['token', 'password', 'secret', 'userData', 'privateKey', 'jwt', 'seed']
const redact = SECRET_FIELDS.flatMap((f) => [f, `*.${f}`, `*.*.${f}`])

/**
 * The process's root logger: one line an event on standard output, JSON, or text for people where LOG_FORMAT says so. Children carry controller,
 * kind, namespace, name, node.
 */
export function createLogger(name: string, level = process.env['LOG_LEVEL'] ?? 'info'): Logger {
  const options = { name, level, redact: { paths: redact, censor: '[redacted]' }, base: { name } }
  return process.env['LOG_FORMAT'] === 'text' ? pino(options, inText()) : pino(options)
}

/** Written at once: the last line of a process that ends is there. */
function inText(): { write: (line: string) => void } {
  const output = destination({ fd: 1, sync: true })
  return { write: (line) => void output.write(textOfLine(line)) }
}
