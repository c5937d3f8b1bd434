// SPDX-License-Identifier: Apache-2.0
// Serves the files of one flat folder over HTTP, with byte ranges so that a download can be resumed.
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { join } from 'node:path'

export function createImageServer(dir: string): Server {
  return createServer((request, response) => {
    serve(dir, request, response).catch(() => {
      if (!response.headersSent) response.writeHead(500)
      response.end()
    })
  })
}

async function serve(dir: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const name = /^\/([A-Za-z0-9][A-Za-z0-9._-]*)$/.exec(request.url ?? '')?.[1]
  if (request.method !== 'GET' && request.method !== 'HEAD') return void response.writeHead(405).end()
  const path = name === undefined ? undefined : join(dir, name)
  const found = path === undefined ? undefined : await stat(path).catch(() => undefined)
  if (path === undefined || !found?.isFile()) return void response.writeHead(404).end('not found\n')
  const etag = `"${found.size.toString(16)}-${Math.floor(found.mtimeMs).toString(16)}"`
  const headers = { 'accept-ranges': 'bytes', 'content-type': 'application/octet-stream', etag }
  const whole = request.headers['if-range'] !== undefined && request.headers['if-range'] !== etag
  const range = whole ? undefined : parseRange(request.headers.range, found.size)
  if (range === 'unsatisfiable') {
    return void response.writeHead(416, { ...headers, 'content-range': `bytes */${found.size}` }).end()
  }
  const { start, end } = range ?? { start: 0, end: found.size - 1 }
  response.writeHead(range ? 206 : 200, {
    ...headers,
    'content-length': end - start + 1,
    ...(range ? { 'content-range': `bytes ${start}-${end}/${found.size}` } : {}),
  })
  if (request.method === 'HEAD' || found.size === 0) return void response.end()
  createReadStream(path, { start, end })
    .on('error', () => response.destroy())
    .pipe(response)
}

/** One range of RFC 9110 section 14; undefined (several, or none that we read) means: send everything. */
export function parseRange(
  header: string | undefined,
  size: number,
): { start: number; end: number } | 'unsatisfiable' | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? []
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined
  if (first === '') return last === '0' ? 'unsatisfiable' : { start: Math.max(0, size - Number(last)), end: size - 1 }
  const start = Number(first)
  if (start >= size) return 'unsatisfiable'
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1)
  return end < start ? undefined : { start, end }
}
