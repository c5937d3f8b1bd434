// SPDX-License-Identifier: Apache-2.0

/** One line `MARK <what> <uptime seconds> <rest>` that the test guest prints on its serial console. */
export interface Mark {
  what: string
  uptimeSeconds: number
  rest: string
}

/** All marks of a console log, oldest first; a log may hold several boots, each begins with `boot`. */
export function parseMarks(log: string): Mark[] {
  // The end may be a line that is still being printed.
  const whole = log.slice(0, log.lastIndexOf('\n') + 1)
  return [...whole.matchAll(/^.*?MARK (\S+) (\d+\.\d+)[^\S\n]?(.*?)\r?$/gm)].map((m) => ({
    what: m[1] ?? '',
    uptimeSeconds: Number(m[2]),
    rest: m[3] ?? '',
  }))
}

/** The marks since the last boot. */
export function lastBoot(marks: readonly Mark[]): Mark[] {
  return marks.slice(
    Math.max(
      0,
      marks.findLastIndex((m) => m.what === 'boot'),
    ),
  )
}
