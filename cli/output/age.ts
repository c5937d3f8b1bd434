// SPDX-License-Identifier: Apache-2.0

const STEPS: readonly (readonly [limitS: number, unitS: number, unit: string])[] = [
  [120, 1, 's'],
  [7200, 60, 'm'],
  [172_800, 3600, 'h'],
  [Infinity, 86_400, 'd'],
]

/** How long ago a time of RFC 3339 was, as kubectl says it: `90s`, `5m`, `3h`, `12d`; `?` where there is none. */
export function ageOf(time: string | undefined, now: Date): string {
  const then = Date.parse(time ?? '')
  if (Number.isNaN(then)) return '?'
  const seconds = Math.max(0, Math.floor((now.getTime() - then) / 1000))
  const [, unitS = 1, unit = 's'] = STEPS.find(([limit]) => seconds < limit) ?? []
  return `${Math.floor(seconds / unitS)}${unit}`
}
