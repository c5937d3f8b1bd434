// SPDX-License-Identifier: Apache-2.0
import { createServer } from 'node:net'
import type { PortRange } from '../../../lib/contract/nbd-ports.ts'

/** The lowest port of the range that no volume has; undefined when all are given away. Pure. */
export function choosePort(range: PortRange, taken: ReadonlySet<number>): number | undefined {
  for (let port = range.first; port <= range.last; port++) if (!taken.has(port)) return port
  return undefined
}

/** Can a server listen there now? Whoever else uses the port keeps it, and we choose another before anybody knows ours. */
export function isPortFree(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ host: address, port, exclusive: true }, () => server.close(() => resolve(true)))
  })
}
