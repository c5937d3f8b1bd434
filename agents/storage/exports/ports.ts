// SPDX-License-Identifier: Apache-2.0
import { createServer } from 'node:net'
import type { PortRange } from '../../../lib/contract/nbd-ports.ts'

/** The lowest port of the range that no volume has; undefined when all are taken. Pure. */
export function choosePort(range: PortRange, taken: ReadonlySet<number>): number | undefined {
  for (let port = range.first; port <= range.last; port++) if (!taken.has(port)) return port
  return undefined
}

/** Whether a server can listen there now. A port that another program uses is skipped; ours is not known to anybody yet. */
export function isPortFree(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ host: address, port, exclusive: true }, () => server.close(() => resolve(true)))
  })
}
