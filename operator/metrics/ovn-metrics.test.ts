// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { Registry } from 'prom-client'
import { OvnMetrics } from './ovn-metrics.ts'

test('connections are shown for as long as this process leads, and a later leadership’s are not ended by an earlier one', async () => {
  const registry = new Registry()
  const metrics = new OvnMetrics(registry)
  const read = async () => (await registry.metrics()).split('\n').filter((line) => line.startsWith('nephele_')).sort() // prettier-ignore
  expect(await read()).toEqual([])
  const [first, second] = [new AbortController(), new AbortController()]
  let synced = true
  metrics.watch(() => [{ database: 'northbound', synced }], first.signal)
  expect(await read()).toEqual(['nephele_ovn_connected{database="northbound"} 1'])
  synced = false
  metrics.lost('northbound')
  expect(await read()).toEqual([
    'nephele_ovn_connected{database="northbound"} 0',
    'nephele_ovn_disconnects_total{database="northbound"} 1',
  ])
  metrics.watch(() => [{ database: 'southbound', synced: true }], second.signal)
  first.abort()
  expect(await read()).toContain('nephele_ovn_connected{database="southbound"} 1')
  second.abort()
  expect(await read()).toEqual(['nephele_ovn_disconnects_total{database="northbound"} 1'])
})
