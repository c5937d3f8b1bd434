// SPDX-License-Identifier: Apache-2.0
// An agent listens on no network (docs/architecture.md, invariant 2): its metrics are read from a unix socket, by the process in
// agents/metrics-relay, which has a network of its own and nothing else of the node (docs/decisions/0085).
import { chmod, chown, mkdir, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { collectDefaultMetrics, type Registry } from 'prom-client'
import { startHealthServer } from '../../lib/health-server.ts'
import type { Logger } from '../../lib/log.ts'

/** What the relay's container runs as (the chart's `nephele.restrictedPod`). */
const RELAY_GROUP = 65_532

export interface MetricsServer {
  close(): Promise<void>
}

/** Undefined where nobody asked for it, and where it cannot be served: machines do not wait for their figures. */
export async function serveMetrics(
  path: string | undefined,
  registry: Registry,
  log: Logger,
): Promise<MetricsServer | undefined> {
  if (path === undefined) return undefined
  try {
    // Each tick of what measures the event loop wakes the process: seldom enough to cost a node nothing.
    collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 200 })
    await mkdir(dirname(path), { recursive: true, mode: 0o750 })
    // Of an agent that was killed.
    await rm(path, { force: true })
    const server = await startHealthServer({ socketPath: path, registry })
    await admitRelay(path)
    return server
  } catch (err) {
    log.warn({ err, path }, 'metrics are not served')
    return undefined
  }
}

/** Root and the relay may come, and no other process of the node: hypervisors run there, too. */
async function admitRelay(path: string): Promise<void> {
  await chmod(path, 0o660)
  if (process.getuid?.() !== 0) return
  await chown(dirname(path), 0, RELAY_GROUP)
  await chown(path, 0, RELAY_GROUP)
}
