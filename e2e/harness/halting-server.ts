// SPDX-License-Identifier: Apache-2.0
// Serves one file over HTTP, and the first time only half of it: the rest waits until the connection ends.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface HaltingServer {
  url: string
  /** The Range header of each request so far; undefined: all was asked for. */
  readonly ranges: readonly (string | undefined)[]
  close(): void
}

const ETAG = '"1"'

/** @param host an address that nodes reach */
export async function serveHalting(content: Buffer, host: string): Promise<HaltingServer> {
  const ranges: (string | undefined)[] = []
  const server = createServer((request, response) => {
    const { range } = request.headers
    ranges.push(range)
    const headers = { etag: ETAG, 'accept-ranges': 'bytes', 'content-type': 'application/octet-stream' }
    const start = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? Number.NaN)
    if (Number.isNaN(start) || request.headers['if-range'] !== ETAG) {
      response.writeHead(200, { ...headers, 'content-length': content.length })
      response.write(content.subarray(0, content.length / 2))
      if (ranges.length > 1) response.end(content.subarray(content.length / 2))
      return
    }
    const rest = content.subarray(start)
    const contentRange = `bytes ${start}-${content.length - 1}/${content.length}`
    response.writeHead(206, { ...headers, 'content-length': rest.length, 'content-range': contentRange })
    response.end(rest)
  })
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://${host}:${port}/image.raw`,
    ranges,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
