// SPDX-License-Identifier: Apache-2.0
// Passes /metrics of the node's agent on, from its unix socket: the agent itself listens on no network. It understands nothing of it, and has
// no other way into the node.
import { createServer, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { messageOf } from '../../lib/errors.ts'

const DEADLINE_MS = 8_000
/** A node with a thousand objects has a page of some 100 kB. */
const MOST_BYTES = 8 * 2 ** 20
/** Prometheus has one or two a target. */
const MOST_CONNECTIONS = 32

interface Page {
  contentType: string
  body: Buffer
}

export interface Relay {
  port: number
  close(): Promise<void>
}

export interface RelayOptions {
  host: string
  /** 0: any free port. */
  port: number
  socketPath: string
  deadlineMs?: number
}

export async function startRelay({ host, port, socketPath, deadlineMs = DEADLINE_MS }: RelayOptions): Promise<Relay> {
  /** However many ask at once, the agent is asked once. */
  let asking: Promise<Page> | undefined
  const ask = (): Promise<Page> => (asking ??= fetchPage(socketPath, deadlineMs).finally(() => (asking = undefined)))
  const server = createServer((incoming, response) => {
    const path = incoming.url?.split('?')[0]
    if (incoming.method !== 'GET') say(response, 405, 'method not allowed\n')
    else if (path === '/healthz') say(response, 200, 'ok\n')
    else if (path !== '/metrics') say(response, 404, 'not found\n')
    else
      ask().then(
        ({ contentType, body }) => response.writeHead(200, { 'content-type': contentType }).end(body),
        // Prometheus then shows the target as down, which it is.
        (error: unknown) => say(response, 502, `the agent of this node does not answer: ${messageOf(error)}\n`),
      )
  })
  server.requestTimeout = 10_000
  server.maxConnections = MOST_CONNECTIONS
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function fetchPage(socketPath: string, deadlineMs: number): Promise<Page> {
  return new Promise((resolve, reject) => {
    const options = { socketPath, path: '/metrics', agent: false, signal: AbortSignal.timeout(deadlineMs) } as const
    const asked = request(options, (answer) => {
      const chunks: Buffer[] = []
      let bytes = 0
      answer.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > MOST_BYTES) asked.destroy(new Error(`more than ${MOST_BYTES} bytes`))
        else chunks.push(chunk)
      })
      answer.on('error', reject)
      answer.on('end', () => {
        if (answer.statusCode !== 200) reject(new Error(`status ${answer.statusCode}`))
        else resolve({ contentType: answer.headers['content-type'] ?? 'text/plain', body: Buffer.concat(chunks) })
      })
    })
    asked.on('error', reject)
    asked.end()
  })
}

function say(response: ServerResponse, code: number, text: string): void {
  response.writeHead(code, { 'content-type': 'text/plain; charset=utf-8' }).end(text)
}
