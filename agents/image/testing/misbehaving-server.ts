// SPDX-License-Identifier: Apache-2.0
// A real HTTP server for tests that serves one file and misbehaves on demand.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Behaviour {
  content: Buffer
  etag?: string
  lastModified?: string
  status?: number
  /** Cut the connection after this many bytes. */
  cutAfter?: number
  /** Stall after this many bytes. */
  stallAfter?: number
  /** Announce this length instead of the content's. */
  contentLength?: number
  chunked?: boolean
  location?: string
  ignoreIfRange?: boolean
  noRanges?: boolean
  headers?: Record<string, string>
}

export interface SeenRequest {
  path: string
  range?: string
  ifRange?: string
  authorization?: string
}

export interface MisbehavingServer extends AsyncDisposable {
  url(path?: string): string
  seen: SeenRequest[]
  /** The behaviour of the next requests, one each; the last one stays in effect. */
  script(...behaviours: Behaviour[]): void
}

export async function startMisbehavingServer(): Promise<MisbehavingServer> {
  const seen: SeenRequest[] = []
  let plan: Behaviour[] = []
  const server = createServer((request, response) => {
    const { range, 'if-range': ifRange, authorization } = request.headers
    seen.push({
      path: request.url ?? '',
      ...(range === undefined ? {} : { range }),
      ...(typeof ifRange === 'string' ? { ifRange } : {}),
      ...(authorization === undefined ? {} : { authorization }),
    })
    const behaviour = plan.length > 1 ? plan.shift() : plan[0]
    if (behaviour) answer(request, response, behaviour)
    else response.writeHead(500).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve))
  const { port } = server.address() as AddressInfo
  return {
    seen,
    url: (path = '/image') => `http://127.0.0.1:${port}${path}`,
    script: (...behaviours) => {
      plan = behaviours
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function answer(request: IncomingMessage, response: ServerResponse, behaviour: Behaviour): void {
  const { content, etag, lastModified } = behaviour
  const headers: Record<string, string | number> = {
    ...(etag ? { etag } : {}),
    ...(lastModified ? { 'last-modified': lastModified } : {}),
    ...behaviour.headers,
  }
  if (behaviour.location !== undefined) return void response.writeHead(302, { location: behaviour.location }).end()
  if (behaviour.status !== undefined)
    return void response.writeHead(behaviour.status, headers).end('<html>error</html>')

  const asked = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')
  const validator = request.headers['if-range']
  const partly =
    asked &&
    behaviour.noRanges !== true &&
    (behaviour.ignoreIfRange === true || validator === etag || validator === lastModified)
  const from = partly ? Number(asked[1]) : 0
  if (partly && from >= content.length) {
    return void response.writeHead(416, { ...headers, 'content-range': `bytes */${content.length}` }).end()
  }
  const body = content.subarray(from)
  if (behaviour.chunked !== true) headers['content-length'] = behaviour.contentLength ?? body.length
  if (partly) headers['content-range'] = `bytes ${from}-${content.length - 1}/${content.length}`
  response.writeHead(partly ? 206 : 200, headers)
  const limit = behaviour.cutAfter ?? behaviour.stallAfter
  if (limit === undefined) {
    response.write(body)
    if (behaviour.contentLength !== undefined && behaviour.contentLength > body.length)
      setTimeout(() => response.destroy(), 20)
    else response.end()
    return
  }
  response.write(body.subarray(0, limit), () => {
    if (behaviour.cutAfter !== undefined) setTimeout(() => response.destroy(), 20)
  })
}
