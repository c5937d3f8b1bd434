// SPDX-License-Identifier: Apache-2.0
import { createLogger } from '../../lib/log.ts'
import { startRelay } from './relay.ts'

const log = createLogger('metrics-relay')
const { NEPHELE_METRICS_SOCKET: socketPath = '/run/nephele/metrics/agent.sock' } = process.env
const relay = await startRelay({
  host: process.env['NEPHELE_HTTP_HOST'] ?? '127.0.0.1',
  port: Number(process.env['NEPHELE_HTTP_PORT'] ?? '8080'),
  socketPath,
})
log.info({ port: relay.port, socketPath }, 'started')
for (const signal of ['SIGTERM', 'SIGINT'] as const)
  process.on(signal, () => {
    void relay.close().then(() => process.exit(0))
  })
