// SPDX-License-Identifier: Apache-2.0
// The few requests that the local cloud itself makes of the apiserver, as its administrator; kubectl would fork for each.
import { readFileSync } from 'node:fs'
import { Agent, request as httpsRequest } from 'node:https'
import { pkiFile } from './programs.ts'

export class ApiStatusError extends Error {
  readonly status: number
  constructor(method: string, path: string, status: number, body: string) {
    super(`${method} ${path}: ${status} ${body.slice(0, 300)}`)
    this.name = 'ApiStatusError'
    this.status = status
  }
}

export interface Api {
  /** @throws ApiStatusError for an answer other than 2xx */
  request<T>(
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
    contentType?: string,
  ): Promise<T>
  /** Server-side apply as field manager `nephele-local`. */
  apply(path: string, object: object): Promise<void>
  close(): void
}

/** @param dir of the control plane: files.ts put the administrator's certificate there */
export function createApi(dir: string, server: string): Api {
  const read = (name: string) => readFileSync(pkiFile(dir, name))
  const agent = new Agent({ ca: read('ca.crt'), cert: read('admin.crt'), key: read('admin.key'), keepAlive: true })
  const api: Api = {
    request: async <T>(method: string, path: string, body?: unknown, contentType = 'application/json') => {
      const { status, text } = await send({ agent, url: server + path, method, body, contentType })
      if (status < 200 || status > 299) throw new ApiStatusError(method, path, status, text)
      return JSON.parse(text) as T
    },
    apply: async (path, object) => {
      const query = '?fieldManager=nephele-local&force=true'
      await api.request('PATCH', path + query, object, 'application/apply-patch+yaml')
    },
    close: () => agent.destroy(),
  }
  return api
}

interface Send {
  agent: Agent
  url: string
  method: string
  body: unknown
  contentType: string
}

function send({ agent, url, method, body, contentType }: Send): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': contentType }) }
    const request = httpsRequest(url, { agent, method, headers, timeout: 15_000 }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('error', reject)
      response.once('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }))
    })
    request.once('timeout', () => request.destroy(new Error(`${method} ${url}: no answer`)))
    request.once('error', reject)
    request.end(body === undefined ? undefined : JSON.stringify(body))
  })
}
