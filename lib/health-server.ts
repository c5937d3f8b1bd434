// SPDX-License-Identifier: Apache-2.0
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Registry } from 'prom-client'

/** Where it listens; of the network, port 0 takes any free one. */
export type HealthAddress = { host: string; port: number } | { socketPath: string }

export type HealthServerOptions = HealthAddress & {
  registry: Registry
  /** What permanently keeps the process from working; empty when it is alive. */
  live?(): string[]
  /** What is not ready yet: caches, the bus; empty when ready. */
  unready?(): string[]
}

export interface HealthServer {
  /** 0: it is on a socket. */
  port: number
  close(): Promise<void>
}

/** /metrics, /healthz and /readyz over plain HTTP; both checks list what is missing. */
export async function startHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0]
    if (request.method !== 'GET' && request.method !== 'HEAD') answer(response, 405, 'method not allowed\n')
    else if (path === '/healthz') answerChecks(response, options.live?.() ?? [])
    else if (path === '/readyz') answerChecks(response, options.unready?.() ?? [])
    else if (path === '/metrics') void answerMetrics(response, options.registry)
    else answer(response, 404, 'not found\n')
  })
  server.requestTimeout = 10_000
  await listen(server, options)
  const address = server.address() as AddressInfo | string
  return { port: typeof address === 'string' ? 0 : address.port, close: () => close(server) }
}

function answerChecks(response: ServerResponse, problems: string[]): void {
  if (problems.length === 0) answer(response, 200, 'ok\n')
  else answer(response, 503, problems.map((p) => `${p}\n`).join(''))
}

async function answerMetrics(response: ServerResponse, registry: Registry): Promise<void> {
  try {
    const text = await registry.metrics()
    response.setHeader('content-type', registry.contentType)
    answer(response, 200, text)
  } catch {
    answer(response, 500, 'metrics failed\n')
  }
}

function answer(response: ServerResponse, code: number, text: string): void {
  if (!response.hasHeader('content-type')) response.setHeader('content-type', 'text/plain; charset=utf-8')
  response.writeHead(code).end(text)
}

function listen(server: Server, address: HealthAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    if ('socketPath' in address) server.listen(address.socketPath, () => resolve())
    else server.listen(address.port, address.host, () => resolve())
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
