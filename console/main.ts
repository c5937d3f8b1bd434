// SPDX-License-Identifier: Apache-2.0
// The console process: WebSockets on one side, the bus on the other. It has no rights in Kubernetes and keeps nothing (docs/decisions/0077).
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CONSOLE_INBOX } from '../lib/contract/subjects.ts'
import { startHealthServer } from '../lib/health-server.ts'
import { createLogger } from '../lib/log.ts'
import { connectBus, watchConnection } from '../lib/nats/connect.ts'
import { readConfig } from './config.ts'
import { ConsoleServer } from './console-server.ts'
import { ConsoleMetrics } from './metrics.ts'
import { NodeConsoles } from './node-consoles.ts'
import { readPage } from './page-files.ts'

const log = createLogger('console')
const config = readConfig(process.env)
const stop = new AbortController()
const stopped = Promise.withResolvers<undefined>()
for (const name of ['SIGTERM', 'SIGINT'] as const)
  process.on(name, () => {
    log.info({ signal: name }, 'stopping')
    stop.abort()
    stopped.resolve(undefined)
  })

const metrics = new ConsoleMetrics(config.version)
const { registry } = metrics
metrics.certificates.file('https', config.tls.certFile)
metrics.certificates.file('bus-ca', config.nats.caFile)
const told = metrics.bus.connection('console')
let isConnected = false
const health = await startHealthServer({ ...config.http, registry, unready: () => (isConnected ? [] : ['NATS']) })
const nc = await connectBus({
  address: { servers: config.nats.servers, caFile: config.nats.caFile },
  credentials: { tokenFile: config.nats.tokenFile },
  ...{ name: 'console', inboxPrefix: CONSOLE_INBOX, log, signal: stop.signal },
}).catch((error: unknown) => {
  log.info({ err: error }, 'ended before it was connected')
  process.exit(0)
})
isConnected = true
told(true)
watchConnection(nc, log, stop.signal, (now) => {
  isConnected = now
  told(now)
})
const consoles = new NodeConsoles(nc, log)
metrics.sessions(() => consoles.open)
const server = new ConsoleServer({
  ...{ origin: config.origin, listen: config.listen, consoles, log },
  page: readPage(join(import.meta.dirname, 'console-page')),
  readTls: () => ({ cert: readFileSync(config.tls.certFile), key: readFileSync(config.tls.keyFile) }),
})
await server.listen()
log.info({ port: server.port }, 'started')
await stopped.promise
consoles.stop()
await server.close()
await nc.drain()
await health.close()
process.exit(0)
