// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { Registry } from 'prom-client'
import { NodeLoads } from './node-loads.ts'

test('shows what each node last said, and nothing of nodes that went silent, say nothing or have nothing to do', async () => {
  let nowMs = 0
  const loads = new NodeLoads(() => nowMs)
  const registry = new Registry()
  loads.register(registry)
  loads.heard('n1', { urgent: 1, waiting: 40, long: 16, oldestSeconds: 12 })
  nowMs = 14 * 60_000
  loads.heard('n2', { urgent: 0, waiting: 0, long: 0, oldestSeconds: 0 })
  expect(await registry.metrics()).toContain('nephele_node_work{node="n1",what="waiting"} 40')
  expect(await registry.metrics()).toContain('nephele_node_work_oldest_seconds{node="n1"} 12')
  nowMs = 16 * 60_000
  expect(await registry.metrics()).not.toContain('n1')
  expect(await registry.metrics()).not.toContain('n2')
  loads.heard('n2', { urgent: 0, waiting: 0, long: 1, oldestSeconds: 0 })
  expect(await registry.metrics()).toContain('nephele_node_work{node="n2",what="waiting"} 0')
  loads.heard('n2', undefined)
  expect(await registry.metrics()).not.toContain('n2')
})
