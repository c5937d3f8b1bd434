// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { startHealthServer, type HealthServer } from './health-server.ts'
import { LoopMetrics } from './loop/metrics.ts'

describe('health server', () => {
  let server: HealthServer
  let missing: string[]
  beforeEach(async () => {
    missing = ['instances']
    const { registry } = new LoopMetrics()
    server = await startHealthServer({ host: '127.0.0.1', port: 0, registry, unready: () => missing })
  })
  afterEach(() => server.close())
  const ask = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${server.port}${path}`, init)

  test('says what is missing until it is there', async () => {
    const unready = await ask('/readyz')
    expect([unready.status, await unready.text()]).toEqual([503, 'instances\n'])
    missing = []
    expect((await ask('/readyz')).status).toBe(200)
    expect((await ask('/healthz?verbose')).status).toBe(200)
  })

  test('of a process that has nothing to say for itself is alive and ready; bodies are text', async () => {
    await server.close()
    server = await startHealthServer({ host: '127.0.0.1', port: 0, registry: new LoopMetrics().registry })
    for (const path of ['/healthz', '/readyz']) {
      const answer = await ask(path)
      expect([answer.status, await answer.text(), answer.headers.get('content-type')]).toEqual([
        ...[200, 'ok\n', 'text/plain; charset=utf-8'],
      ])
    }
  })

  test('says what keeps it from its work, and that it cannot tell its figures', async () => {
    await server.close()
    const registry = { contentType: 'text/plain', metrics: () => Promise.reject(new Error('x')) }
    server = await startHealthServer({
      ...{ host: '127.0.0.1', port: 0, registry: registry as unknown as LoopMetrics['registry'] },
      live: () => ['the bus', 'the store'],
    })
    const dead = await ask('/healthz', { method: 'HEAD' })
    expect([dead.status, await (await ask('/healthz')).text()]).toEqual([503, 'the bus\nthe store\n'])
    expect((await ask('/metrics')).status).toBe(500)
  })

  test('serves metrics, and nothing else', async () => {
    const metrics = await ask('/metrics')
    expect(metrics.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(await metrics.text()).toContain('nephele_queue_depth')
    expect((await ask('/../etc/passwd')).status).toBe(404)
    expect((await ask('/metrics', { method: 'POST' })).status).toBe(405)
  })
})
