// SPDX-License-Identifier: Apache-2.0

const LEVELS: Readonly<Record<number, string>> = {
  10: 'TRACE',
  20: 'DEBUG',
  30: 'INFO',
  40: 'WARN',
  50: 'ERROR',
  60: 'FATAL',
}
/** What needs no quotes: it ends no word, and is nothing else's beginning. */
const PLAIN = /^[\w.:/@+-]+$/
const FIRST = new Set(['time', 'level', 'name', 'msg'])
/** What JSON leaves as it is, though it ends lines, steers terminals or turns the order of what is shown. */
const UNSEEN = /[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff9-\ufffb]|\p{Cs}/gu

/**
 * One JSON line of the log for people: `2026-11-30T20:48:11.123Z INFO operator "volume created" node=compute-1 sizeGiB=4`. Whatever a value
 * holds, it is one line of printable characters, and what is not plain stands in quotes: no data can look like another line or field. Pure.
 */
export function textOfLine(line: string): string {
  const entry = JSON.parse(line) as Record<string, unknown>
  const { time, level, name, msg } = entry
  const first = [
    typeof time === 'number' ? new Date(time).toISOString() : '-',
    LEVELS[Number(level)] ?? valueOf(level),
    valueOf(name),
    quote(typeof msg === 'string' ? msg : ''),
  ]
  const rest = Object.entries(entry).flatMap(([key, value]) =>
    FIRST.has(key) ? [] : [`${PLAIN.test(key) ? key : quote(key)}=${valueOf(value)}`],
  )
  return `${[...first, ...rest].join(' ')}\n`
}

function valueOf(value: unknown): string {
  if (typeof value === 'string' && PLAIN.test(value)) return value
  return quote(value)
}

function quote(value: unknown): string {
  return JSON.stringify(value ?? null).replace(
    UNSEEN,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
