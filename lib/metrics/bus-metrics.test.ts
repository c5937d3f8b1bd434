// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { Registry } from 'prom-client'
import { BusMetrics } from './bus-metrics.ts'

const registry = new Registry()
const metrics = new BusMetrics(registry)
const read = async (name: string) => (await registry.metrics()).split('\n').filter((line) => line.startsWith(name))

test('a connection counts as lost until it stands; only what was lost is made again', async () => {
  const told = metrics.connection('agent')
  expect(await read('nephele_bus_connected{')).toEqual(['nephele_bus_connected{connection="agent"} 0'])
  told(true)
  expect(await read('nephele_bus_connected{')).toEqual(['nephele_bus_connected{connection="agent"} 1'])
  // There from the start: an increase from nothing would not be seen.
  expect(await read('nephele_bus_reconnects_total{')).toEqual(['nephele_bus_reconnects_total{connection="agent"} 0'])
  told(false)
  told(false)
  expect(await read('nephele_bus_connected{')).toEqual(['nephele_bus_connected{connection="agent"} 0'])
  told(true)
  expect(await read('nephele_bus_reconnects_total{')).toEqual(['nephele_bus_reconnects_total{connection="agent"} 1'])
})

test('what is followed shows how far it is behind, for as long as it is followed', async () => {
  expect(await read('nephele_bus_pending_messages{')).toEqual([])
  const state = metrics.follow('observed')
  state.pending = 7
  state.heardAtMs = performance.now() - 20_000
  expect(await read('nephele_bus_pending_messages{')).toEqual(['nephele_bus_pending_messages{bucket="observed"} 7'])
  const [line = ''] = await read('nephele_bus_silence_seconds{')
  expect(Math.round(Number(line.split(' ')[1]))).toBe(20)
  metrics.unfollow()
  expect(await read('nephele_bus_silence_seconds{')).toEqual([])
})
