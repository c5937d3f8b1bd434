// SPDX-License-Identifier: Apache-2.0
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/**
 * Below the ports that the kernel gives to outgoing connections (net.ipv4.ip_local_port_range, 32768 and up unless set otherwise), any of
 * which may take a port between this look and its user's start; and below Kubernetes' NodePorts.
 */
const FIRST = 16_384
const LAST = 29_999
const MAX_TRIES = 1_000

const given = new Set<number>()

/**
 * TCP ports that were free a moment ago, none given twice by this process. At random, so that another process that looks at the same
 * time finds others.
 * @throws when the host has none
 */
export async function freePorts(count: number, host = '127.0.0.1'): Promise<number[]> {
  const found: number[] = []
  for (let tries = 0; found.length < count; tries++) {
    if (tries === MAX_TRIES) throw new Error(`no free TCP port from ${FIRST} to ${LAST} on ${host}`)
    const port = randomInt(FIRST, LAST + 1)
    if (given.has(port)) continue
    given.add(port) // before the look: two callers at once must not both find it free
    if (await isFree(port, host)) found.push(port)
  }
  return found
}

function isFree(port: number, host: string): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false)
      else reject(error)
    })
    server.listen(port, host, () => server.close(() => resolve(true)))
  })
}
