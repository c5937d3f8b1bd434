// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { systemClock, type Clock } from '../../lib/time/clock.ts'
import { Pace } from './pace.ts'

/** Notes what was waited for; nothing is ever due. */
function recordingClock(): { clock: Clock; asked: number[] } {
  const asked: number[] = []
  const after = (ms: number) => {
    asked.push(ms)
    return () => undefined
  }
  return { clock: { ...systemClock, after }, asked }
}

test('a pause ends when the pace changes, and the next one has the new length; the same pace again ends none', async () => {
  const { clock, asked } = recordingClock()
  const pace = new Pace(10_000, clock)
  const { signal } = new AbortController()
  let ended = false
  const first = pace.pause(signal).then(() => (ended = true))
  pace.set(10_000)
  await Promise.resolve()
  expect(ended).toBe(false)
  pace.set(1_000)
  await first
  void pace.pause(signal)
  expect(asked).toEqual([10_000, 1_000])
})

test('the end of the work ends it', async () => {
  const { clock } = recordingClock()
  const stop = new AbortController()
  const paused = new Pace(10_000, clock).pause(stop.signal)
  stop.abort()
  await paused
})
