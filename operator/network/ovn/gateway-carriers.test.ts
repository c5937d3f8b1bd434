// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { GatewayCarriers } from './gateway-carriers.ts'

const NAME = 'cr-router-r-gateway'
let claimant: string | undefined
let carriers: GatewayCarriers
let settled: string[]
/** @returns whether others are told */
const claim = (node: string | undefined, afterMs = 300) => {
  jest.advanceTimersByTime(afterMs)
  claimant = node
  return carriers.update(NAME)
}
const carrier = () => carriers.carrierOf(NAME)

beforeEach(() => {
  jest.useFakeTimers()
  settled = []
  carriers = new GatewayCarriers({
    ...{ claimant: () => claimant, preferred: () => 'first', onSettled: (name) => void settled.push(name) },
    now: () => Date.now(),
  })
  expect(claim('first')).toBe(true)
})
afterEach(() => {
  carriers.close()
  jest.useRealTimers()
})

test('one that fails over, and back again, is where its claim is, each time', () => {
  for (const node of ['second', 'first', undefined, 'second']) {
    expect(claim(node, 1500)).toBe(true)
    expect(carrier()).toBe(node)
  }
  jest.advanceTimersByTime(60_000)
  expect(settled).toEqual([])
})

test('two that take it from each other: it stays with the first one, and nobody hears of what follows', () => {
  const told = ['second', 'first', 'second', 'first', 'second', 'first', 'second'].map((node) => claim(node))
  expect(told).toEqual([true, true, true, true, false, false, false])
  expect(carrier()).toBe('first')
  // Also one that takes its time.
  expect(claim('first', 3000)).toBe(false)
  expect(claim('second', 3000)).toBe(false)
  expect(carrier()).toBe('first')
})

test('once it rests it is where the claim is, and that is told', () => {
  for (const node of ['second', 'first', 'second', 'first', 'second']) claim(node)
  expect(carrier()).toBe('first')
  jest.advanceTimersByTime(3900)
  expect([carrier(), settled]).toEqual(['first', []])
  jest.advanceTimersByTime(200)
  expect([carrier(), settled]).toEqual(['second', [NAME]])
  expect(carriers.update(NAME)).toBe(true)
  expect(claim('first')).toBe(true)
  expect(carrier()).toBe('first')
})

test('one that comes to rest where it was all the time, or is claimed again by the same node, is no move', () => {
  expect(claim('first')).toBe(false)
  for (const node of ['second', 'first', 'second', 'first', 'second', 'first']) claim(node)
  jest.advanceTimersByTime(5000)
  expect(settled).toEqual([NAME])
  expect(carriers.update(NAME)).toBe(false)
})

test('those who asked while it was not known are told, wherever it is', () => {
  carriers.forgetTold()
  expect(carriers.update(NAME)).toBe(true)
  expect(carriers.update(NAME)).toBe(false)
})

test('of two others neither comes first: it is where the claim is', () => {
  jest.advanceTimersByTime(10_000)
  claim('third')
  jest.advanceTimersByTime(10_000)
  for (const node of ['second', 'third', 'second', 'third', 'second']) claim(node)
  expect(carrier()).toBe('second')
})
