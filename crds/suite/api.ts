// SPDX-License-Identifier: Apache-2.0
// The few requests that the schema suite makes, without any client between it and the apiserver's own words.
import { Agent, request } from 'node:https'
import type { ControlPlane } from '../../local/control-plane/start.ts'
import type { JsonObject } from './places.ts'

export interface Answer {
  code: number
  message: string
  body: JsonObject
}

export interface Api {
  send(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: JsonObject): Promise<Answer>
  close(): void
}

export function connectApi(plane: ControlPlane): Api {
  const agent = new Agent({
    ca: plane.certificateAuthority,
    cert: plane.admin.certificate,
    key: plane.admin.key,
    keepAlive: true,
    maxSockets: 8,
  })
  return {
    send: (method, path, body) =>
      new Promise((resolve, reject) => {
        const headers = { 'content-type': 'application/json' }
        const sent = request(new URL(path, plane.server), { method, agent, headers, timeout: 30_000 }, (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.once('error', reject)
          response.once('end', () => {
            const answer = JSON.parse(Buffer.concat(chunks).toString('utf8')) as JsonObject
            const message = typeof answer.message === 'string' ? answer.message : ''
            resolve({ code: response.statusCode ?? 0, message, body: answer })
          })
        })
        sent.once('timeout', () => sent.destroy(new Error('the apiserver does not answer')))
        sent.once('error', reject)
        sent.end(body === undefined ? undefined : JSON.stringify(body))
      }),
    close: () => agent.destroy(),
  }
}
