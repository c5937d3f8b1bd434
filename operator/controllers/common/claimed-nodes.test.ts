// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { ClaimedNodes } from './claimed-nodes.ts'

test('a burst is one wake a node, and the next change another; an end leaves none', () => {
  const timers: { ms: number; call: () => void; isOff: boolean }[] = []
  const nodes = new ClaimedNodes({
    nowMs: () => 0,
    after(ms, call) {
      const timer = { ms, call, isOff: false }
      timers.push(timer)
      return () => (timer.isOff = true)
    },
  })
  const woken: string[] = []
  nodes.onSettled((node) => woken.push(node))
  for (const node of ['a', 'b', 'a', 'a']) nodes.changed(node)
  expect([timers.map(({ ms }) => ms), woken]).toEqual([[30_000, 30_100], []])
  timers[0]!.call()
  expect(woken).toEqual(['a'])
  nodes.changed('a')
  expect(timers).toHaveLength(3)
  nodes.stop()
  expect(timers.map(({ isOff }) => isOff)).toEqual([false, true, true])
  nodes.changed('b')
  expect(timers).toHaveLength(4)
})

test('a burst over many nodes is a few wakes a second; one that changes much later waits no longer than before', () => {
  let nowMs = 0
  const dueMs: number[] = []
  const nodes = new ClaimedNodes({
    nowMs: () => nowMs,
    after: (ms) => {
      dueMs.push(nowMs + ms)
      return () => undefined
    },
  })
  for (let i = 0; i < 1000; i++) nodes.changed(`n${i}`)
  expect([dueMs[0], dueMs[999]]).toEqual([30_000, 129_900])
  nowMs = 200_000
  nodes.changed('late')
  expect(dueMs[1000]).toBe(230_000)
})
