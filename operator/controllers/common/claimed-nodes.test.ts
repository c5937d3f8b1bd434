// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { ClaimedNodes } from './claimed-nodes.ts'

test('a burst is one wake a node, and the next change another; an end leaves none', () => {
  const timers: { ms: number; call: () => void; isOff: boolean }[] = []
  const nodes = new ClaimedNodes({
    after(ms, call) {
      const timer = { ms, call, isOff: false }
      timers.push(timer)
      return () => (timer.isOff = true)
    },
  })
  const woken: string[] = []
  nodes.onSettled((node) => woken.push(node))
  for (const node of ['a', 'b', 'a', 'a']) nodes.changed(node)
  expect([timers.map(({ ms }) => ms), woken]).toEqual([[30_000, 30_000], []])
  timers[0]!.call()
  expect(woken).toEqual(['a'])
  nodes.changed('a')
  expect(timers).toHaveLength(3)
  nodes.stop()
  expect(timers.map(({ isOff }) => isOff)).toEqual([false, true, true])
  nodes.changed('b')
  expect(timers).toHaveLength(4)
})
