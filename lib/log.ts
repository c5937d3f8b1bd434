// SPDX-License-Identifier: Apache-2.0
import { pino, type Logger } from 'pino'

export type { Logger }

/** Field names whose values are never logged, in the first three levels of an entry. */
const SECRET_FIELDS = ['token', 'password', 'secret', 'userData', 'privateKey', 'jwt', 'seed']
const redact = SECRET_FIELDS.flatMap((f) => [f, `*.${f}`, `*.*.${f}`])

/** The process's root logger: one JSON line an event on standard output. Children carry controller, kind, namespace, name, node. */
export function createLogger(name: string, level = process.env['LOG_LEVEL'] ?? 'info'): Logger {
  return pino({ name, level, redact: { paths: redact, censor: '[redacted]' }, base: { name } })
}
