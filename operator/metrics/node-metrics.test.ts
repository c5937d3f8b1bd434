// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { Registry } from 'prom-client'
import type { ComputeNode } from '../../lib/api/types.ts'
import { setCondition } from '../../lib/conditions.ts'
import { registerNodeMetrics } from './node-metrics.ts'
import { memoryWorld, stored } from '../testing/memory-deps.ts'

test('nodes with machines that nothing put there', async () => {
  const w = memoryWorld()
  const registry = new Registry()
  registerNodeMetrics(registry, w.deps.caches)
  for (const [name, status] of [
    ['a', 'False'],
    ['b', 'True'],
    ['c', 'False'],
  ] as const) {
    const update = { type: 'MachineClaims', status, reason: 'R', message: 'm' }
    const conditions = setCondition([], update, 1, w.run.now)
    w.put('computeNodes', stored<ComputeNode>(name, {}, { namespace: '', status: { conditions } }))
  }
  w.put('computeNodes', stored<ComputeNode>('d', {}, { namespace: '' }))
  expect(await registry.metrics()).toContain('nephele_nodes_with_unknown_machines 2')
})

test('nodes by what their condition Ready says', async () => {
  const w = memoryWorld()
  const registry = new Registry()
  registerNodeMetrics(registry, w.deps.caches)
  const read = async () => (await registry.metrics()).split('\n').filter((line) => line.startsWith('nephele_nodes{')).sort() // prettier-ignore
  // None is a number, too.
  expect(await read()).toEqual(['nephele_nodes{ready="True",reason="Ready"} 0'])
  for (const [name, status, reason] of [
    ['a', 'True', 'Ready'],
    ['b', 'Unknown', 'AgentSilent'],
    ['c', 'Unknown', 'AgentSilent'],
  ] as const) {
    const conditions = setCondition([], { type: 'Ready', status, reason, message: 'm' }, 1, w.run.now)
    w.put('computeNodes', stored<ComputeNode>(name, {}, { namespace: '', status: { conditions } }))
  }
  w.put('computeNodes', stored<ComputeNode>('new', {}, { namespace: '' }))
  expect(await read()).toEqual([
    'nephele_nodes{ready="True",reason="Ready"} 1',
    'nephele_nodes{ready="Unknown",reason=""} 1',
    'nephele_nodes{ready="Unknown",reason="AgentSilent"} 2',
  ])
})
