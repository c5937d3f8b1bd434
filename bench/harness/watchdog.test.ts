// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { setTimeout as sleep } from 'node:timers/promises'
import { Watchdog } from './watchdog.ts'

let dog: Watchdog
beforeEach(() => {
  dog = new Watchdog({ everyMs: 5, patienceMs: 60 })
})
afterEach(() => dog.stop())

const isQuiet = async (ms: number) => Promise.race([dog.failed.catch(() => false), sleep(ms, true)])

test('a process that ends is a failure with its name', async () => {
  let runs = true
  dog.watchProcess(
    'nats-server',
    () => runs,
    () => 'no space left',
  )
  expect(await isQuiet(20)).toBe(true)
  runs = false
  await expect(dog.failed).rejects.toThrow('nats-server ended\nno space left')
})

test('who is silent for a while is only slow, and that is told', async () => {
  let silent = true
  dog.watchAnswers('NATS', async () => {
    if (silent) throw new Error('timeout')
  })
  await sleep(30)
  silent = false
  expect(await isQuiet(100)).toBe(true)
  expect(dog.slowest.get('NATS')).toBeGreaterThan(25)
})

test('who is silent for longer than the patience is a failure, with what was last seen of it', async () => {
  dog.watchAnswers('NATS', async () => Promise.reject(new Error('timeout')))
  await expect(dog.failed).rejects.toThrow(/^NATS has not answered for .* s: timeout$/)
})

test('the failure of what it follows is its own', async () => {
  dog.follow(Promise.reject(new Error('the fake agents failed')))
  await expect(dog.failed).rejects.toThrow('the fake agents failed')
})

test('what ends after it was stopped is none', async () => {
  const late = Promise.withResolvers<never>()
  dog.follow(late.promise)
  dog.watchProcess('operator', () => true)
  dog.stop()
  late.reject(new Error('ended'))
  expect(await isQuiet(20)).toBe(true)
})
