// SPDX-License-Identifier: Apache-2.0
import { mkdir, stat, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { createLogger } from '../../lib/log.ts'
import { makeMemoryFolder } from '../../lib/memory-folder.ts'
import { AgentMetrics } from '../metrics/agent-metrics.ts'
import { serveMetrics } from '../metrics/metrics-socket.ts'
import { startRelay, type Relay } from './relay.ts'

const log = createLogger('test', 'silent')
let socketPath: string
let relay: Relay
const ask = (path = '/metrics', init: RequestInit = {}) => fetch(`http://127.0.0.1:${relay.port}${path}`, init)

beforeEach(async () => {
  socketPath = join(await makeMemoryFolder('nephele-relay-'), 'metrics', 'agent.sock')
  relay = await startRelay({ host: '127.0.0.1', port: 0, socketPath, deadlineMs: 500 })
})
afterEach(() => relay.close())

describe('an agent’s page', () => {
  test('is passed on as it is, from before the agent runs until after', async () => {
    expect((await ask()).status).toBe(502)
    expect((await ask('/healthz')).status).toBe(200)
    // What an agent left that was killed.
    await mkdir(join(socketPath, '..'), { recursive: true })
    await writeFile(socketPath, '')
    const server = await serveMetrics(socketPath, new AgentMetrics('9').registry, log)
    const answer = await ask()
    expect([answer.status, answer.headers.get('content-type')]).toEqual([
      200,
      'text/plain; version=0.0.4; charset=utf-8',
    ])
    const text = await answer.text()
    expect(text).toContain('nephele_build_info{component="agent",version="9",')
    expect(text).toContain('process_cpu_seconds_total')
    await server?.close()
    expect((await ask()).status).toBe(502)
  })

  test('is for root and the relay alone', async () => {
    const server = await serveMetrics(socketPath, new AgentMetrics('9').registry, log)
    const { mode, gid } = await stat(socketPath)
    expect((mode & 0o777).toString(8)).toBe('660')
    if (process.getuid?.() === 0) expect(gid).toBe(65_532)
    await server?.close()
  })

  test('that cannot be served keeps no agent from its work', async () => {
    await writeFile(join(dirname(dirname(socketPath)), 'file'), '')
    const beneath = join(dirname(dirname(socketPath)), 'file', 'agent.sock')
    expect(await serveMetrics(beneath, new AgentMetrics('9').registry, log)).toBeUndefined()
    expect(await serveMetrics(undefined, new AgentMetrics('9').registry, log)).toBeUndefined()
  })
})

describe('the relay', () => {
  let server: Server
  const asked: string[] = []
  async function agentThat(answers: RequestListener): Promise<void> {
    await mkdir(join(socketPath, '..'), { recursive: true })
    server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`)
      answers(request, response)
    })
    await new Promise<void>((resolve) => server.listen(socketPath, resolve))
  }
  afterEach(() => {
    asked.length = 0
    server.closeAllConnections()
    server.close()
  })

  test('passes on nothing but that page, and no question of who asks', async () => {
    await agentThat((_, response) => response.end('page'))
    expect((await ask('/healthz?x')).status).toBe(200)
    for (const path of ['/', '/readyz', '/metrics/x', '/../metrics/y', '/debug'])
      expect((await ask(path)).status).toBe(404)
    for (const method of ['POST', 'PUT', 'DELETE']) expect((await ask('/metrics', { method })).status).toBe(405)
    expect(asked).toEqual([])
    expect(await (await ask('/metrics?name=x', { headers: { cookie: 'a' } })).text()).toBe('page')
    expect(asked).toEqual(['GET /metrics'])
  })

  test('asks once for all who ask at once', async () => {
    await agentThat((_, response) => void setTimeout(() => response.end('page'), 100))
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask()))
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
    expect(asked).toHaveLength(1)
  })

  test.each<[string, RequestListener]>([
    ['hangs', () => undefined],
    ['fails', (_, response) => response.writeHead(500).end()],
    ['breaks off', (request, response) => void response.write('half', () => request.socket.destroy())],
    [
      'writes without end',
      (_, response) => {
        const more = (): void => {
          if (!response.destroyed) response.write('x'.repeat(2 ** 20), more)
        }
        more()
      },
    ],
  ])('says that there is none when the agent %s', async (_, answers) => {
    await agentThat(answers)
    expect((await ask()).status).toBe(502)
  })
})
