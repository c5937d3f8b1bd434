// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { InstanceDriver } from '../compute/instance-driver.ts'
import { FakeInstanceDriver } from '../compute/drivers/fake/fake-instance-driver.ts'
import { AgentMetrics } from './agent-metrics.ts'

const read = async ({ registry }: AgentMetrics, name: string) =>
  (await registry.metrics()).split('\n').filter((line) => line.startsWith(name)).sort() // prettier-ignore

test('runs by what they came to, with the reason of those that failed', async () => {
  const metrics = new AgentMetrics('1')
  metrics.ran({ kind: 'volume', result: 'done', seconds: 0.2 })
  metrics.ran({ kind: 'volume', result: 'failed', reason: 'PoolFull', seconds: 2 })
  expect(await read(metrics, 'nephele_agent_runs_total{')).toEqual([
    'nephele_agent_runs_total{kind="volume",result="done"} 1',
    'nephele_agent_runs_total{kind="volume",result="failed"} 1',
  ])
  expect(await read(metrics, 'nephele_agent_run_errors_total{')).toEqual([
    'nephele_agent_run_errors_total{kind="volume",reason="PoolFull"} 1',
  ])
  expect(await read(metrics, 'nephele_agent_run_seconds_sum{')).toEqual([
    'nephele_agent_run_seconds_sum{kind="volume"} 2.2',
  ])
})

test('calls of a driver, and changes of power by their action', async () => {
  const metrics = new AgentMetrics('1')
  const driver = metrics.measure<InstanceDriver>('fake', new FakeInstanceDriver())
  const { signal } = new AbortController()
  const outcomes = (ok: number, error: number) => [
    `nephele_agent_driver_outcomes_total{driver="fake",result="aborted"} 0`,
    `nephele_agent_driver_outcomes_total{driver="fake",result="error"} ${error}`,
    `nephele_agent_driver_outcomes_total{driver="fake",result="ok"} ${ok}`,
    `nephele_agent_driver_outcomes_total{driver="fake",result="refused"} 0`,
  ]
  expect(await read(metrics, 'nephele_agent_driver_outcomes_total{')).toEqual(outcomes(0, 0))
  await driver.list(signal)
  await expect(driver.setPower('nobody', 'on', signal)).rejects.toThrow()
  expect(await read(metrics, 'nephele_agent_driver_calls_total{')).toEqual([
    'nephele_agent_driver_calls_total{driver="fake",call="list",result="ok"} 1',
    'nephele_agent_driver_calls_total{driver="fake",call="setPower",result="error"} 1',
  ])
  expect(await read(metrics, 'nephele_agent_driver_outcomes_total{')).toEqual(outcomes(1, 1))
  expect(await read(metrics, 'nephele_agent_power_changes_total{')).toEqual([
    'nephele_agent_power_changes_total{action="on",result="error"} 1',
  ])
})

test('what the node has, as it was collected last: a pool that went is not shown', async () => {
  const metrics = new AgentMetrics('1')
  const pool = { name: 'files', driver: 'file', totalGiB: 2, freeGiB: 1 }
  metrics.inventory({ imageCache: { images: 3, usedGiB: 1, maxGiB: 4 }, pools: [pool] })
  expect([
    ...(await read(metrics, 'nephele_agent_pool_')),
    ...(await read(metrics, 'nephele_agent_image_cache_')),
  ]).toEqual([
    'nephele_agent_pool_bytes{pool="files",what="free"} 1073741824',
    'nephele_agent_pool_bytes{pool="files",what="total"} 2147483648',
    'nephele_agent_pool_healthy{pool="files"} 1',
    'nephele_agent_image_cache_bytes{what="max"} 4294967296',
    'nephele_agent_image_cache_bytes{what="used"} 1073741824',
    'nephele_agent_image_cache_images 3',
  ])
  metrics.inventory({ pools: [{ ...pool, name: 'other', error: 'hangs' }] })
  expect(await read(metrics, 'nephele_agent_pool_healthy')).toEqual(['nephele_agent_pool_healthy{pool="other"} 0'])
})

test('queues, objects and reports are those of the moment', async () => {
  const metrics = new AgentMetrics('1')
  let state = 'starting'
  metrics.read({
    load: () => ({ urgent: 1, waiting: 2, long: 3, oldestSeconds: 4 }),
    states: () => [{ kind: 'instance', state, count: 5 }],
    pending: () => 6,
  })
  metrics.switchConnection(() => false)
  expect(await read(metrics, 'nephele_agent_objects')).toEqual([
    'nephele_agent_objects{kind="instance",state="starting"} 5',
  ])
  state = 'running'
  expect((await read(metrics, 'nephele_agent_')).filter((line) => !line.endsWith(' 0'))).toEqual([
    'nephele_agent_long_runs 3',
    'nephele_agent_objects{kind="instance",state="running"} 5',
    'nephele_agent_queue_depth{priority="ordinary"} 2',
    'nephele_agent_queue_depth{priority="urgent"} 1',
    'nephele_agent_queue_oldest_seconds 4',
    'nephele_agent_reports_pending 6',
  ])
  expect(await read(metrics, 'nephele_agent_switch')).toEqual(['nephele_agent_switch_connected 0'])
})
